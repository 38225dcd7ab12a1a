/**
 * Turns values of an output into those that decide: probabilities into the scores behind them. A constant that is
 * added to all scores of a row changes no probability, so rows are compared around their means.
 */
import { DataType, type TensorValue } from "../ir/index.js";
import { rowStarts, type ClassScores } from "./class-scores.js";
import type { Maker } from "./decisions.js";
import { numbersOf } from "./output-values.js";

/** The smallest probability that is told from 0: below it, float32 and float16 have few digits left. */
const LEAST = 1e-30;
const LEAST_HALF = 6e-8;
/**
 * Scores in front of a Sigmoid that are told apart. Above, 1 − p has few digits left: at 10, those of float32 are worth
 * 77 dB.
 */
const SCORES = { low: -15, high: 10 } as const;
const SCORES_OF_HALF = { low: -9, high: 4 } as const;

/** Where two outputs are compared: as they are, or in front of the operator that made them. */
export type ComparedAt = "output" | "Softmax" | "LogSoftmax" | "Sigmoid";

/** @param scores what rows of the original's output look like */
export function comparedAt(maker: Maker | undefined, scores: ClassScores | undefined): ComparedAt {
  if (maker === "sigmoid") return "Sigmoid";
  if (maker === "log-softmax" && scores) return "LogSoftmax";
  return scores?.areProbabilities === true ? "Softmax" : "output";
}

/** In the order of the output's elements. NaN stays NaN. */
export function decidingValues(
  value: TensorValue,
  at: ComparedAt,
  scores: ClassScores | undefined,
): ArrayLike<number> {
  const numbers = numbersOf(value);
  if (at === "output") return numbers;
  const isHalf = value.dataType === DataType.FLOAT16 || value.dataType === DataType.BFLOAT16;
  if (at === "Sigmoid") {
    const { low, high } = isHalf ? SCORES_OF_HALF : SCORES;
    // Rounding may take a probability out of its range.
    return Float64Array.from(numbers, (given) => {
      const p = Math.min(1, Math.max(0, given));
      return Math.min(high, Math.max(low, Math.log(p / (1 - p))));
    });
  }
  const least = isHalf ? LEAST_HALF : LEAST;
  const logarithms =
    at === "Softmax"
      ? Float64Array.from(numbers, (p) => Math.log(Math.max(p, least)))
      : // A class that is ruled out has a logarithm of −Infinity, around which no mean exists.
        Float64Array.from(numbers, (logarithm) => Math.max(logarithm, Math.log(LEAST)));
  return scores ? aroundMeans(logarithms, scores) : logarithms;
}

function aroundMeans(values: Float64Array, scores: ClassScores): Float64Array {
  const { classes, stride } = scores;
  for (const start of rowStarts(values.length, scores)) {
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += values[start + c * stride]!;
    for (let c = 0; c < classes; c++) values[start + c * stride]! -= sum / classes;
  }
  return values;
}
