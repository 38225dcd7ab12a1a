/** Compares one output of two models sample by sample, and keeps a few numbers of each. */
import type { TensorValue } from "../ir/index.js";
import { medianInterval } from "../numeric/bootstrap.js";
import { decibels } from "../numeric/decibels.js";
import { median } from "../numeric/quantile.js";
import { classScores, rowStarts, type ClassScores } from "./class-scores.js";
import { comparedAt, decidingValues, type ComparedAt } from "./deciding-values.js";
import type { Maker } from "./decisions.js";
import { WORST_SQNR_DB, type OutputFidelity, type WorstSample } from "./output-fidelity.js";
import { argMax, isFloatValue, numbersOf } from "./output-values.js";

/**
 * Limits below which outputs count as zero: the root mean square of the original's values, and the largest
 * error. A map of scores of an image without text holds values about 1e-5, which int8 turns into 0: no
 * signal is left, yet nothing is wrong.
 */
const NEAR_ZERO = { rms: 1e-4, error: 1e-3 } as const;

const MOST_NOISE = 10 ** (-WORST_SQNR_DB / 10);

/** Of one sample, where values decide. */
interface SampleErrors {
  /** Its number among all samples. */
  readonly sample: number;
  readonly signal: number;
  readonly noise: number;
}

export class OutputMeter {
  private readonly errors: SampleErrors[] = [];
  private readonly otherSizes: number[] = [];
  private floating = true;
  private energy = 0;
  private errorEnergy = 0;
  private otherEnergy = 0;
  private product = 0;
  private maxAbsError = 0;
  private nonFinite = 0;
  private elements = 0;
  private equal = 0;
  private rows = 0;
  private sameRows = 0;
  private hasScores = true;
  private at: ComparedAt | undefined;

  /** @param maker what made the output, as far as the graph tells */
  constructor(private readonly maker: Maker | undefined) {}

  /** Counts a sample whose sizes differ. */
  passOver(expected: TensorValue, sample: number): void {
    this.floating = isFloatValue(expected);
    this.otherSizes.push(sample);
  }

  /** @param sample its number among all samples */
  observe(expected: TensorValue, actual: TensorValue, sample: number): void {
    this.floating = isFloatValue(expected);
    if (!this.floating) {
      this.addDiscrete(expected.data, actual.data, sample);
      return;
    }
    const [y, approximation] = [numbersOf(expected), numbersOf(actual)];
    const brokenBefore = this.nonFinite;
    this.addElements(y, approximation);
    // What is empty says nothing of what the output holds.
    if (y.length === 0) return;
    const scores = classScores(expected.dims, y, this.maker);
    this.hasScores &&= scores !== undefined;
    if (scores) this.addRows(y, approximation, scores);
    this.at ??= comparedAt(this.maker, scores);
    const { signal, noise } = errorsBetween(
      decidingValues(y, expected.dataType, this.at, scores),
      decidingValues(approximation, actual.dataType, this.at, scores),
    );
    this.errors.push({ sample, signal, noise: this.nonFinite > brokenBefore ? Infinity : noise });
  }

  /** Whether the output holds floats. */
  get isFloating(): boolean {
    return this.floating;
  }

  /**
   * The noise of each sample relative to its signal, by the sample's number: of integers and words, the share of
   * wrong ones. 1 where sizes differ.
   */
  relativeNoise(): ReadonlyMap<number, number> {
    const least = this.leastSignal();
    const shares = this.errors.map(
      ({ sample, signal, noise }) => [sample, shareOf(noise, Math.max(signal, least))] as const,
    );
    return new Map([...shares, ...this.otherSizes.map((sample) => [sample, 1] as const)]);
  }

  result(): OutputFidelity {
    const broken = this.nonFinite > 0;
    const perSample = this.floating ? this.decibels() : [];
    const middle = perSample.length === 0 ? Infinity : median(perSample);
    return {
      sqnrDb: broken ? WORST_SQNR_DB : finite(middle),
      sqnrRange: broken ? null : rangeOf(perSample),
      worst: broken ? null : this.worst(perSample),
      comparedAt: this.at ?? "output",
      pooledSqnrDb: broken ? WORST_SQNR_DB : this.pooled(),
      cosine: !this.floating ? null : broken ? 0 : cosine(this.product, this.energy, this.otherEnergy),
      maxAbsError: broken ? Number.MAX_VALUE : this.maxAbsError,
      nearZero: !broken && this.isNearZero,
      top1Agreement: this.hasScores && this.rows > 0 ? this.sameRows / this.rows : null,
      agreement: this.floating ? null : this.shareOfEqual(),
      nonFinite: this.nonFinite,
      otherSize: this.otherSizes.length,
    };
  }

  private pooled(): number | null {
    return this.floating ? finite(Math.max(WORST_SQNR_DB, decibels(this.energy, this.errorEnergy))) : null;
  }

  get isNearZero(): boolean {
    return (
      this.at === "output" &&
      this.maxAbsError > 0 &&
      Math.sqrt(this.energy / this.elements) < NEAR_ZERO.rms &&
      this.maxAbsError < NEAR_ZERO.error
    );
  }

  private decibels(): number[] {
    const least = this.leastSignal();
    return this.errors.map(({ signal, noise }) => decibels(1, shareOf(noise, Math.max(signal, least))));
  }

  /**
   * A sample without a signal of its own, such as one of silence, is compared with a thousandth of the signal that
   * samples have on average.
   */
  private leastSignal(): number {
    return this.errors.reduce((sum, { signal }) => sum + signal, 0) / (1e3 * Math.max(1, this.errors.length));
  }

  private worst(perSample: readonly number[]): WorstSample | null {
    const lowest = perSample.reduce((low, db, k) => (db < perSample[low]! ? k : low), 0);
    const found = this.errors[lowest];
    const noise = this.errors.reduce((sum, one) => sum + one.noise, 0);
    if (!found || noise === 0) return null;
    return { sample: found.sample, sqnrDb: perSample[lowest]!, noiseShare: found.noise / noise };
  }

  /** Compares 64-bit integers exactly: two different ones may be equal as doubles. */
  private addDiscrete(y: TensorValue["data"], approximation: TensorValue["data"], sample: number): void {
    this.elements += y.length;
    const equalBefore = this.equal;
    for (let i = 0; i < y.length; i++) {
      const [a, b] = [y[i]!, approximation[i]!];
      if (a === b) this.equal++;
      else
        this.maxAbsError = Math.max(
          this.maxAbsError,
          typeof a === "string" ? 1 : Math.abs(Number(a) - Number(b)),
        );
    }
    this.errors.push({ sample, signal: y.length, noise: y.length - (this.equal - equalBefore) });
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
    this.energy += a * a;
    this.otherEnergy += b * b;
    this.product += a * b;
    this.errorEnergy += (a - b) ** 2;
    this.maxAbsError = Math.max(this.maxAbsError, Math.abs(a - b));
  }

  private addRows(y: ArrayLike<number>, approximation: ArrayLike<number>, scores: ClassScores): void {
    const { classes, stride } = scores;
    for (const start of rowStarts(y.length, scores)) {
      this.rows++;
      if (argMax(y, start, classes, stride) === argMax(approximation, start, classes, stride))
        this.sameRows++;
    }
  }

  private shareOfEqual(): number {
    if (this.elements > 0) return this.equal / this.elements;
    return this.otherSizes.length > 0 ? 0 : 1;
  }
}

/** Noise relative to the signal: finite, at most what WORST_SQNR_DB stands for, also where sums have overflown. */
function shareOf(noise: number, signal: number): number {
  if (noise === 0) return 0;
  const share = noise / signal;
  return share < MOST_NOISE ? share : MOST_NOISE;
}

function errorsBetween(
  y: ArrayLike<number>,
  approximation: ArrayLike<number>,
): { readonly signal: number; readonly noise: number } {
  let [signal, noise] = [0, 0];
  for (let i = 0; i < y.length; i++) {
    const a = y[i]!;
    const error = a - approximation[i]!;
    // NaN and infinities in both models are counted apart.
    if (!Number.isFinite(error)) continue;
    signal += a * a;
    noise += error * error;
  }
  return { signal, noise };
}

function rangeOf(perSample: readonly number[]): OutputFidelity["sqnrRange"] {
  const range = medianInterval(perSample);
  return range ? [finite(range[0]), finite(range[1])] : null;
}

function finite(db: number): number | null {
  return db === Infinity ? null : db;
}

function cosine(product: number, a: number, b: number): number {
  if (a === 0 && b === 0) return 1;
  return a === 0 || b === 0 ? 0 : Math.min(1, product / Math.sqrt(a * b));
}
