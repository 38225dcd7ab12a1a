/** Recognizes outputs that hold class scores, whose largest value is the answer. */
import type { TensorValue } from "../ir/index.js";
import { isFloatValue, numbersOf } from "./readable-values.js";

/** Probabilities from float16 or an 8-bit softmax do not add up to exactly 1. */
const SUM_TOLERANCE = 0.05;

export interface ClassScores {
  readonly classes: number;
  /** Returns itself while further samples look the same, otherwise undefined. */
  confirm(value: TensorValue): ClassScores | undefined;
}

/**
 * Class scores are a float output of shape [N, C] with C ≥ 2, or one with more axes whose last axis holds a
 * probability distribution, such as the characters at each position of a text recognizer ([N, T, C] after a
 * softmax). Returns undefined for other outputs (feature maps, boxes, masks), which have no top class.
 */
export function classScores(value: TensorValue): ClassScores | undefined {
  const classes = value.dims.at(-1) ?? 0;
  if (!isFloatValue(value) || classes < 2 || value.dims.length < 2) return undefined;
  if (value.dims.length > 2 && !isDistribution(numbersOf(value), classes)) return undefined;
  return {
    classes,
    confirm: (next) => {
      const scores = classScores(next);
      return scores?.classes === classes ? scores : undefined;
    },
  };
}

function isDistribution(values: ArrayLike<number>, classes: number): boolean {
  if (values.length === 0) return false;
  for (let start = 0; start < values.length; start += classes) {
    let sum = 0;
    for (let i = start; i < start + classes; i++) {
      if (!(values[i]! >= 0)) return false;
      sum += values[i]!;
    }
    if (Math.abs(sum - 1) > SUM_TOLERANCE) return false;
  }
  return true;
}
