/** Recognizes outputs that hold class scores, whose largest value is the answer. */
import type { Maker } from "./decisions.js";

/** Probabilities from float16 or an 8-bit softmax do not add up to exactly 1. */
const SUM_TOLERANCE = 0.05;

export interface ClassScores {
  readonly classes: number;
  /** Elements from one score of a row to the next: 1 if classes are the last axis. */
  readonly stride: number;
  /** Whether each row is a probability distribution. */
  readonly areProbabilities: boolean;
}

/**
 * Class scores are a float output of shape [N, C] with C ≥ 2, or one with more axes that holds a probability
 * distribution along its last axis, such as the characters at each position of a text recognizer ([N, T, C]), or
 * along axis 1 behind a Softmax, such as the classes of pixels ([N, C, H, W]). Returns undefined for other outputs
 * (feature maps, boxes, embeddings), which have no top class.
 * @param numbers of a float output, in its order
 * @param maker what made the output, as far as the graph tells
 */
export function classScores(
  dims: readonly number[],
  numbers: ArrayLike<number>,
  maker?: Maker,
): ClassScores | undefined {
  if (dims.length < 2) return undefined;
  const last = { classes: dims.at(-1)!, stride: 1 };
  if (last.classes >= 2) {
    if (maker !== "scores" && isDistribution(numbers, last)) return { ...last, areProbabilities: true };
    if (dims.length === 2 && maker !== "values") return { ...last, areProbabilities: false };
  }
  if (maker !== "softmax" || dims.length < 3 || dims[1]! < 2) return undefined;
  const channels = { classes: dims[1]!, stride: dims.slice(2).reduce((product, dim) => product * dim, 1) };
  return isDistribution(numbers, channels) ? { ...channels, areProbabilities: true } : undefined;
}

type Rows = Pick<ClassScores, "classes" | "stride">;

/** The index of each row's first score. */
export function* rowStarts(length: number, { classes, stride }: Rows): Generator<number> {
  for (let block = 0; block + classes * stride <= length; block += classes * stride)
    for (let start = block; start < block + stride; start++) yield start;
}

function isDistribution(values: ArrayLike<number>, rows: Rows): boolean {
  if (values.length === 0) return false;
  for (const start of rowStarts(values.length, rows)) {
    let sum = 0;
    for (let c = 0; c < rows.classes; c++) {
      const value = values[start + c * rows.stride]!;
      if (!(value >= 0)) return false;
      sum += value;
    }
    if (Math.abs(sum - 1) > SUM_TOLERANCE) return false;
  }
  return true;
}
