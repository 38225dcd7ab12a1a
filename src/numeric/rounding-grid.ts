/** The codes available to the weights of one output, and the scales worth trying. */
import { MAX_PAIR_SUM } from "./affine.js";

export interface CodeLimits {
  /** Codes lie between -maxCode and maxCode. */
  readonly maxCode: number;
  /** For each weight, the one whose sum with it must stay within MAX_PAIR_SUM if both have the same sign, or -1. */
  readonly partners?: Int32Array | undefined;
}

/** One output's weights during the search for codes. ŵ = scale · code. */
export interface RoundingRow {
  readonly weights: Float64Array;
  readonly scale: number;
  /** 0 if not chosen yet. */
  readonly codes: Int32Array;
  /** 1 if the code must not change. */
  readonly fixed: Uint8Array;
}

/** The code nearest to `wanted` that its partner's code allows. */
export function nearestCode(
  { codes, scale }: RoundingRow,
  { maxCode, partners }: CodeLimits,
  j: number,
  wanted: number,
): number {
  let low = -maxCode;
  let high = maxCode;
  const other = partners && partners[j]! >= 0 ? codes[partners[j]!]! : 0;
  if (other > 0) high = Math.min(high, MAX_PAIR_SUM - other);
  else if (other < 0) low = Math.max(low, -MAX_PAIR_SUM - other);
  const code = Math.round(wanted / scale);
  return code > high ? high : code < low ? low : code;
}

/**
 * A row without codes. Two things are fixed beforehand: zeros stay zeros, to preserve pruning; and the weight
 * or pair that determines `scale` stays at the end of the range, so that quantizing ŵ finds the same scale
 * again.
 */
export function beginRow(weights: Float64Array, scale: number, limits: CodeLimits): RoundingRow {
  const row = {
    weights,
    scale,
    codes: new Int32Array(weights.length),
    fixed: new Uint8Array(weights.length),
  };
  for (let j = 0; j < weights.length; j++) row.fixed[j] = weights[j] === 0 ? 1 : 0;
  const { single, pair } = extremes(weights, limits);
  // Preferably a single weight is at the end of the range; a pair only if the pair guard widened the scale.
  if (pair < 0 || Math.abs(weights[single]!) >= (limits.maxCode - 0.5) * scale) {
    fix(row, single, limits.maxCode);
  } else {
    const own = Math.max(1, Math.min(limits.maxCode, Math.round(Math.abs(weights[pair]!) / scale)));
    fix(row, pair, own);
    fix(row, limits.partners![pair]!, MAX_PAIR_SUM - own);
  }
  return row;
}

function fix({ weights, codes, fixed }: RoundingRow, j: number, magnitude: number): void {
  codes[j] = weights[j]! < 0 ? -magnitude : magnitude;
  fixed[j] = 1;
}

/** Index of the largest magnitude, and of the first weight of the largest same-sign pair (-1: none). */
function extremes(weights: Float64Array, { partners }: CodeLimits): { single: number; pair: number } {
  let single = 0;
  let pair = -1;
  let largestSum = 0;
  for (let j = 0; j < weights.length; j++) {
    if (Math.abs(weights[j]!) > Math.abs(weights[single]!)) single = j;
    const partner = partners ? partners[j]! : -1;
    if (partner <= j || weights[j]! * weights[partner]! <= 0) continue;
    const sum = Math.abs(weights[j]! + weights[partner]!);
    if (sum > largestSum) [largestSum, pair] = [sum, j];
  }
  return { single, pair };
}

/** The scale without clipping of any weight or pair, as in quantizeRows. 0 for a row of zeros. */
export function widestScale(weights: Float64Array, limits: CodeLimits): number {
  const { single, pair } = extremes(weights, limits);
  const alone = Math.abs(weights[single] ?? 0) / limits.maxCode;
  const together = pair < 0 ? 0 : Math.abs(weights[pair]! + weights[limits.partners![pair]!]!) / MAX_PAIR_SUM;
  return Math.fround(Math.max(alone, together));
}

/** The smallest fraction of the widest scale to try, by number of bits: with fewer codes, clipping gains more. */
const SMALLEST_SHARE: readonly number[] = [1, 1, 0.25, 0.35, 0.45, 0.6, 0.75, 0.85, 0.9];
const STEPS = 40;

/**
 * The scale of least Σ dⱼ (ŵⱼ - wⱼ)² when each weight is rounded to the nearest code (OMSE, Choukroun et
 * al. 2019, weighted by d, the diagonal of H).
 */
export function clippingScale(weights: Float64Array, diagonal: Float64Array, limits: CodeLimits): number {
  const widest = widestScale(weights, limits);
  const bits = Math.ceil(Math.log2(limits.maxCode + 1)) + 1;
  const smallest = SMALLEST_SHARE[bits] ?? 1;
  let best = widest;
  let least = Infinity;
  for (let step = 0; step <= STEPS; step++) {
    const scale = Math.fround(widest * (1 - ((1 - smallest) * step) / STEPS));
    const loss = diagonalLoss(weights, diagonal, scale, limits, least);
    if (loss < least) [least, best] = [loss, scale];
  }
  return best;
}

/** Stops when the sum reaches `most`. */
function diagonalLoss(
  weights: Float64Array,
  diagonal: Float64Array,
  scale: number,
  { maxCode, partners }: CodeLimits,
  most: number,
): number {
  let loss = 0;
  const inverse = 1 / scale;
  for (let j = 0; j < weights.length && !(loss >= most); j++) {
    const code = clippedCode(weights[j]! * inverse, maxCode);
    loss += diagonal[j]! * (code * scale - weights[j]!) ** 2;
    const partner = partners ? partners[j]! : -1;
    if (partner <= j || weights[j]! * weights[partner]! <= 0) continue;
    const excess = Math.abs(code + clippedCode(weights[partner]! * inverse, maxCode)) - MAX_PAIR_SUM;
    // The best division is inversely proportional to the cost of each.
    if (excess > 0)
      loss +=
        (excess * scale) ** 2 * ((diagonal[j]! * diagonal[partner]!) / (diagonal[j]! + diagonal[partner]!));
  }
  return loss;
}

function clippedCode(ratio: number, maxCode: number): number {
  const code = Math.round(ratio);
  return code > maxCode ? maxCode : code < -maxCode ? -maxCode : code;
}
