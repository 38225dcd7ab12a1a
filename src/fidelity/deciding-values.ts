/**
 * Turns values of an output into those that decide: probabilities into the scores behind them. A constant that is
 * added to all scores of a row changes no probability, so rows are compared around their means.
 */
import { DataType } from "../ir/index.js";
import { rowStarts, type ClassScores } from "./class-scores.js";
import type { Maker } from "./decisions.js";

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

/**
 * In the order of the output's elements, which stay as they are. NaN stays NaN.
 * @param numbers of the output, of this data type
 */
export function decidingValues(
  numbers: ArrayLike<number>,
  dataType: number,
  at: ComparedAt,
  scores: ClassScores | undefined,
): ArrayLike<number> {
  if (at === "output") return numbers;
  const isHalf = dataType === DataType.FLOAT16 || dataType === DataType.BFLOAT16;
  if (at === "Sigmoid") return logits(numbers, isHalf ? SCORES_OF_HALF : SCORES);
  const logarithms =
    at === "Softmax"
      ? logarithmsOf(numbers, isHalf ? LEAST_HALF : LEAST)
      : // A class that is ruled out has a logarithm of −Infinity, around which no mean exists.
        atLeast(numbers, Math.log(LEAST));
  return scores ? aroundMeans(logarithms, scores) : logarithms;
}

// Loops, because Float64Array.from with a function takes twenty times as long.

function logits(
  numbers: ArrayLike<number>,
  { low, high }: typeof SCORES | typeof SCORES_OF_HALF,
): Float64Array {
  const found = new Float64Array(numbers.length);
  for (let i = 0; i < found.length; i++) {
    // Rounding may take a probability out of its range.
    const p = Math.min(1, Math.max(0, numbers[i]!));
    found[i] = Math.min(high, Math.max(low, Math.log(p / (1 - p))));
  }
  return found;
}

function logarithmsOf(numbers: ArrayLike<number>, least: number): Float64Array {
  const found = atLeast(numbers, least);
  for (let i = 0; i < found.length; i++) found[i] = Math.log(found[i]!);
  return found;
}

function atLeast(numbers: ArrayLike<number>, least: number): Float64Array {
  const found = new Float64Array(numbers.length);
  for (let i = 0; i < found.length; i++) found[i] = Math.max(numbers[i]!, least);
  return found;
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
