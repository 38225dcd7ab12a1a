/**
 * Measures how far a compressed model's outputs are from the original's on the same inputs, without labels.
 */
import { EdgecError } from "../errors.js";
import { dataTypeName, type Feed, type TensorValue } from "../ir/index.js";
import { classScores, type ClassScores } from "./class-scores.js";
import { argMax, isFloatValue, numbersOf } from "./readable-values.js";

export interface OutputFidelity {
  /**
   * Signal-to-quantization-noise ratio over all samples together: 10·log10(Σy² / Σ(y − ŷ)²) dB, where y are
   * the original's values. null if all values are equal (infinity, which JSON cannot hold), and for outputs
   * that are not floats: an index or a word is right or wrong, see `agreement`. Never below {@link
   * WORST_SQNR_DB}.
   */
  readonly sqnrDb: number | null;
  /**
   * Cosine similarity Σyŷ / √(Σy²·Σŷ²) over all samples; 1 when both are zero throughout; null for outputs
   * that are not floats.
   */
  readonly cosine: number | null;
  /** The largest absolute error. For booleans and strings, 1 if any differs. */
  readonly maxAbsError: number;
  /**
   * Whether the original's values are close to zero ({@link NEAR_ZERO}) and so are the errors. `sqnrDb` and
   * `cosine` then compare noise with noise, and only `maxAbsError` counts.
   */
  readonly nearZero: boolean;
  /**
   * Fraction of samples (rows), from 0 to 1, with the same top class; null if the output is not a class
   * score.
   */
  readonly top1Agreement: number | null;
  /** Fraction of equal elements, for outputs of integers, booleans and strings; null for floats. */
  readonly agreement: number | null;
  /**
   * Elements that are NaN or infinite in only one model, or in different ways. Any such element means a
   * broken model.
   */
  readonly nonFinite: number;
  /**
   * Samples for which the two models give a different number of results, when the size depends on the data
   * (detected boxes, recognized words). All other figures leave them out.
   */
  readonly otherSize: number;
}

/** Stands for "no signal left": zero signal, or NaN and infinities where the original has none. */
export const WORST_SQNR_DB = -300;

/**
 * Limits below which outputs count as zero: the root mean square of the original's values, and the largest
 * error. A probability map of an image without text holds values about 1e-5, which int8 turns into 0: no
 * signal is left, yet nothing is wrong.
 */
const NEAR_ZERO = { rms: 1e-4, error: 1e-3 } as const;

/** Collects the outputs of both models sample by sample and keeps only sums. */
export class FidelityMeter {
  private readonly outputs = new Map<string, OutputMeter>();
  private count = 0;

  /**
   * @param isOpen whether the size of an output along an axis depends on the data; takes the output's name
   */
  constructor(private readonly isOpen: (name: string, axis: number) => boolean = () => false) {}

  /**
   * @param where prefix of messages: "small.onnx: sample 3 of data.npz"
   * @throws EdgecError MODEL_REJECTED when an output's type differs, or a size of its shape that does not
   *   depend on data
   */
  observe(original: Feed, compressed: Feed, where: string): void {
    for (const [name, expected] of Object.entries(original)) {
      const actual = compressed[name];
      if (!actual)
        throw new EdgecError("MODEL_REJECTED", `${where}: the compressed model has no output "${name}"`);
      requireSameForm(expected, actual, (axis) => this.isOpen(name, axis), `${where}: output "${name}"`);
      let meter = this.outputs.get(name);
      if (!meter) this.outputs.set(name, (meter = new OutputMeter()));
      if (expected.dims.join() === actual.dims.join() || areEmpty(expected, actual))
        meter.observe(expected, actual);
      else meter.passOver(expected);
    }
    this.count++;
  }

  get samples(): number {
    return this.count;
  }

  result(): Record<string, OutputFidelity> {
    return Object.fromEntries([...this.outputs].map(([name, meter]) => [name, meter.result()]));
  }
}

/** Whether the output holds floats. An output that was always empty counts as such. */
export function isOfFloats({ agreement }: OutputFidelity): boolean {
  return agreement === null;
}

/**
 * The lowest SQNR of the float outputs: Infinity if all are equal; undefined if there are none, or if samples
 * of one could not be compared.
 */
export function lowestSqnr(outputs: Readonly<Record<string, OutputFidelity>>): number | undefined {
  const floats = Object.values(outputs).filter(isOfFloats);
  if (floats.length === 0 || floats.some(({ otherSize }) => otherSize > 0)) return undefined;
  return Math.min(...floats.map(({ sqnrDb }) => sqnrDb ?? Infinity));
}

/**
 * The lowest agreement, of classes or elements, over the outputs that have one; undefined if none has, or if
 * samples of an output could not be compared.
 */
export function lowestAgreement(outputs: Readonly<Record<string, OutputFidelity>>): number | undefined {
  if (Object.values(outputs).some(({ otherSize }) => otherSize > 0)) return undefined;
  const shares = Object.values(outputs)
    .flatMap(({ top1Agreement, agreement }) => [top1Agreement, agreement])
    .filter((share) => share !== null);
  return shares.length === 0 ? undefined : Math.min(...shares);
}

function requireSameForm(
  expected: TensorValue,
  actual: TensorValue,
  isOpen: (axis: number) => boolean,
  where: string,
): void {
  const isSameSize = (dim: number, axis: number): boolean => dim === actual.dims[axis] || isOpen(axis);
  const sameRank = expected.dims.length === actual.dims.length;
  const sameShape = areEmpty(expected, actual) || (sameRank && expected.dims.every(isSameSize));
  const sameKind = expected.dataType === actual.dataType || (isFloatValue(expected) && isFloatValue(actual));
  if (sameShape && sameKind) return;
  const describe = ({ dataType, dims }: TensorValue): string =>
    `${dataTypeName(dataType)} [${dims.join(", ")}]`;
  throw new EdgecError(
    "MODEL_REJECTED",
    `${where} is ${describe(actual)}, but the original gives ${describe(expected)}`,
  );
}

/**
 * Empty values may differ in shape: for a Loop that runs no iteration, onnxruntime derives the shape from
 * what it knows about the body.
 */
function areEmpty(...values: readonly TensorValue[]): boolean {
  return values.every(({ data }) => data.length === 0);
}

class OutputMeter {
  otherSize = 0;
  private signal = 0;
  private noise = 0;
  private product = 0;
  private energy = 0;
  private maxAbsError = 0;
  private nonFinite = 0;
  private elements = 0;
  private equal = 0;
  private floating = true;
  private samples = 0;
  private rows = 0;
  private sameRows = 0;
  private scores: ClassScores | undefined;

  /** Counts a sample whose sizes differ. */
  passOver(expected: TensorValue): void {
    this.floating = isFloatValue(expected);
    this.otherSize++;
  }

  observe(expected: TensorValue, actual: TensorValue): void {
    this.floating = isFloatValue(expected);
    if (!this.floating) {
      this.addDiscrete(expected.data, actual.data);
      return;
    }
    const [y, approximation] = [numbersOf(expected), numbersOf(actual)];
    this.addElements(y, approximation);
    this.scores = this.samples++ === 0 ? classScores(expected) : this.scores?.confirm(expected);
    if (this.scores) this.addRows(y, approximation, this.scores.classes);
  }

  /** Compares 64-bit integers exactly: two different ones may be equal as doubles. */
  private addDiscrete(y: TensorValue["data"], approximation: TensorValue["data"]): void {
    this.elements += y.length;
    for (let i = 0; i < y.length; i++) {
      const [a, b] = [y[i]!, approximation[i]!];
      if (a === b) this.equal++;
      else
        this.maxAbsError = Math.max(
          this.maxAbsError,
          typeof a === "string" ? 1 : Math.abs(Number(a) - Number(b)),
        );
    }
  }

  private addElements(y: ArrayLike<number>, approximation: ArrayLike<number>): void {
    this.elements += y.length;
    for (let i = 0; i < y.length; i++) {
      const a = y[i]!;
      const b = approximation[i]!;
      if (Number.isFinite(a) && Number.isFinite(b)) this.addFinite(a, b);
      else if (!Object.is(a, b)) this.nonFinite++;
    }
  }

  private addFinite(a: number, b: number): void {
    const error = a - b;
    this.signal += a * a;
    this.energy += b * b;
    this.product += a * b;
    this.noise += error * error;
    if (Math.abs(error) > this.maxAbsError) this.maxAbsError = Math.abs(error);
  }

  private addRows(y: ArrayLike<number>, approximation: ArrayLike<number>, classes: number): void {
    for (let start = 0; start + classes <= y.length; start += classes) {
      this.rows++;
      if (argMax(y, start, classes) === argMax(approximation, start, classes)) this.sameRows++;
    }
  }

  private shareOfEqual(): number {
    if (this.elements > 0) return this.equal / this.elements;
    return this.otherSize > 0 ? 0 : 1;
  }

  result(): OutputFidelity {
    const broken = this.nonFinite > 0;
    return {
      sqnrDb: broken ? WORST_SQNR_DB : sqnr(this.signal, this.noise),
      cosine: !this.floating ? null : broken ? 0 : cosine(this.product, this.signal, this.energy),
      maxAbsError: broken ? Number.MAX_VALUE : this.maxAbsError,
      nearZero:
        !broken &&
        this.noise > 0 &&
        Math.sqrt(this.signal / this.elements) < NEAR_ZERO.rms &&
        this.maxAbsError < NEAR_ZERO.error,
      top1Agreement: this.scores && this.rows > 0 ? this.sameRows / this.rows : null,
      agreement: this.floating ? null : this.shareOfEqual(),
      nonFinite: this.nonFinite,
      otherSize: this.otherSize,
    };
  }
}

function sqnr(signal: number, noise: number): number | null {
  return noise === 0 ? null : Math.max(WORST_SQNR_DB, 10 * Math.log10(signal / noise));
}

function cosine(product: number, a: number, b: number): number {
  if (a === 0 && b === 0) return 1;
  return a === 0 || b === 0 ? 0 : Math.min(1, product / Math.sqrt(a * b));
}
