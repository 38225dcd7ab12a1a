/**
 * Measures how far a compressed model's outputs are from the original's on the same inputs, without labels.
 */
import { EdgecError } from "../errors.js";
import { dataTypeName, type Feed, type TensorValue } from "../ir/index.js";
import type { Maker } from "./decisions.js";
import type { OutputFidelity } from "./output-fidelity.js";
import { lossesOf } from "./much-lost.js";
import { OutputMeter } from "./output-meter.js";
import { isFloatValue } from "./output-values.js";
import { sampleScores, type SampleScores } from "./sample-scores.js";

/** Collects the outputs of both models sample by sample and keeps a few numbers of each. */
export class FidelityMeter {
  private readonly outputs = new Map<string, OutputMeter>();
  private count = 0;

  /**
   * @param isOpen whether the size of an output along an axis depends on the data; takes the output's name
   * @param makers what made each output, as far as the graph tells: see `makersOfOutputs`
   */
  constructor(
    private readonly isOpen: (name: string, axis: number) => boolean = () => false,
    private readonly makers: ReadonlyMap<string, Maker> = new Map(),
  ) {}

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
      if (!meter) this.outputs.set(name, (meter = new OutputMeter(this.makers.get(name))));
      if (expected.dims.join() === actual.dims.join() || areEmpty(expected, actual))
        meter.observe(expected, actual, this.count);
      else meter.passOver(expected, this.count);
    }
    this.count++;
  }

  get samples(): number {
    return this.count;
  }

  /** How close the models are on each sample, over all outputs. */
  scores(): SampleScores {
    const all = [...this.outputs.values()];
    const floating = all.filter(({ isFloating }) => isFloating);
    // Those near zero would compare noise with noise, and outweigh all others.
    const telling = floating.filter(({ isNearZero }) => !isNearZero);
    const judged = [telling, floating, all].find(({ length }) => length > 0) ?? [];
    const noises = judged.map((meter) => meter.relativeNoise());
    const losses = lossesOf({ outputs: this.result(), samples: this.count });
    return { ...sampleScores(noises), isAtFloor: losses.length === 0 };
  }

  result(): Record<string, OutputFidelity> {
    return Object.fromEntries([...this.outputs].map(([name, meter]) => [name, meter.result()]));
  }
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
