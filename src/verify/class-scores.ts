/** Telling which outputs are class scores, of which the largest is the answer. */
import type { TensorValue } from "../ir/index.js";
import { isFloating, numbersOf } from "./readable-values.js";

/** Probabilities that went through float16 or an 8-bit softmax do not add up to 1 exactly. */
const SUM_TOLERANCE = 0.05;

export interface ClassScores {
  readonly classes: number;
  /** Itself while further samples look the same, else undefined. */
  confirm(value: TensorValue): ClassScores | undefined;
}

/**
 * Class scores are: a float output of shape [N, C] with C ≥ 2; and one of more axes whose last axis holds a
 * probability distribution, such as the characters at each position of a text recognizer ([N, T, C] after a
 * softmax). Other outputs (feature maps, boxes, masks) have no largest class, and undefined is returned.
 */
export function classScores(value: TensorValue): ClassScores | undefined {
  const classes = value.dims.at(-1) ?? 0;
  if (!isFloating(value) || classes < 2 || value.dims.length < 2) return undefined;
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
