/** Chooses the range of an activation's uint8 codes from its histogram. */
import { type AffineParameters, uint8Parameters } from "./affine.js";
import type { Histogram } from "./statistics.js";

export const CALIBRATORS = ["minmax", "percentile", "entropy", "mse"] as const;
export type Calibrator = (typeof CALIBRATORS)[number];

export interface ClippedRange {
  readonly min: number;
  readonly max: number;
}

/**
 * Share of values that percentile calibration keeps; the rest is clipped, divided evenly between the ends that
 * have a tail.
 */
export const DEFAULT_PERCENTILE = 99.99;

/** The range to quantize, within the observed range. */
export function calibratedRange(
  histogram: Histogram,
  calibrator: Calibrator,
  percentile = DEFAULT_PERCENTILE,
): ClippedRange {
  if (!(histogram.max > histogram.min)) return { min: histogram.min, max: histogram.max };
  switch (calibrator) {
    case "minmax":
      return { min: histogram.min, max: histogram.max };
    case "percentile":
      return percentileRange(histogram, percentile);
    case "entropy":
      return entropyRange(histogram);
    case "mse":
      return leastErrorRange(histogram);
  }
}

function percentileRange({ min, max, counts, count }: Histogram, percentile: number): ClippedRange {
  const tails = min < 0 && max > 0 ? 2 : 1;
  const cut = (count * (100 - percentile)) / 100 / tails;
  const width = (max - min) / counts.length;
  let low = 0;
  let high = counts.length - 1;
  if (min < 0) for (let below = counts[0]!; below <= cut && low < high; below += counts[++low]!);
  if (max > 0) for (let above = counts[high]!; above <= cut && high > low; above += counts[--high]!);
  return { min: min + low * width, max: min + (high + 1) * width };
}

const MSE_STEPS = 70;
const MSE_SMALLEST = 0.3;

/**
 * The clipping that leaves the least squared error over the histogram (OMSE; Choukroun et al. 2019): first both
 * ends are reduced together, then each separately.
 */
function leastErrorRange(histogram: Histogram): ClippedRange {
  let best: ClippedRange = { min: Math.min(histogram.min, 0), max: Math.max(histogram.max, 0) };
  const { min, max } = best;
  const errorOf = (range: ClippedRange): number =>
    roundingError(histogram, uint8Parameters(range.min, range.max));
  let bestError = errorOf(best);
  const attempt = (candidate: ClippedRange): void => {
    const error = errorOf(candidate);
    if (error < bestError) [best, bestError] = [candidate, error];
  };
  const factors = Array.from(
    { length: MSE_STEPS },
    (_, k) => MSE_SMALLEST + ((1 - MSE_SMALLEST) * k) / MSE_STEPS,
  );
  for (const f of factors) attempt({ min: min * f, max: max * f });
  if (min < 0 && max > 0) {
    for (const f of factors) attempt({ min: best.min, max: max * f });
    for (const f of factors) attempt({ min: min * f, max: best.max });
  }
  return best;
}

/** Sum of squares of the values counted. */
export function powerOf({ min, max, counts }: Histogram): number {
  const width = (max - min) / counts.length;
  let power = 0;
  for (let bin = 0; bin < counts.length; bin++) power += counts[bin]! * (min + (bin + 0.5) * width) ** 2;
  return power;
}

/**
 * Sum of squared errors of the values counted when they are rounded to such uint8 codes, clipping included.
 */
export function roundingError(
  { min, max, counts }: Histogram,
  { scale, zeroPoint }: AffineParameters,
): number {
  const width = (max - min) / counts.length;
  let error = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin]!;
    if (count === 0) continue;
    const centre = min + (bin + 0.5) * width;
    const code = Math.max(0, Math.min(255, Math.round(centre / scale) + zeroPoint));
    error += count * (centre - (code - zeroPoint) * scale) ** 2;
  }
  return error;
}

const MAGNITUDE_BINS = 2048;

/**
 * The threshold on magnitudes whose quantized distribution diverges least (Kullback-Leibler) from the real
 * one, as in Migacz, "8-bit inference with TensorRT" (2017). Two-sided tensors spend half of the codes on
 * each side.
 */
function entropyRange(histogram: Histogram): ClippedRange {
  const magnitudes = magnitudeCounts(histogram);
  const limit = Math.max(-histogram.min, histogram.max);
  const levels = histogram.min < 0 && histogram.max > 0 ? 128 : 256;
  let best = MAGNITUDE_BINS;
  let bestDivergence = Infinity;
  for (let kept = levels; kept <= MAGNITUDE_BINS; kept += levels / 16) {
    const divergence = divergenceAt(magnitudes, kept, levels);
    if (divergence < bestDivergence) [best, bestDivergence] = [kept, divergence];
  }
  const threshold = (limit * best) / MAGNITUDE_BINS;
  return { min: Math.max(histogram.min, -threshold), max: Math.min(histogram.max, threshold) };
}

function magnitudeCounts({ min, max, counts }: Histogram): Float64Array {
  const limit = Math.max(-min, max);
  const width = (max - min) / counts.length;
  const magnitudes = new Float64Array(MAGNITUDE_BINS);
  for (let bin = 0; bin < counts.length; bin++) {
    const at = Math.abs(min + (bin + 0.5) * width) / limit;
    const target = Math.min(MAGNITUDE_BINS - 1, Math.floor(at * MAGNITUDE_BINS));
    magnitudes[target] = magnitudes[target]! + counts[bin]!;
  }
  return magnitudes;
}

/**
 * KL(P‖Q) where P clips to the first `kept` bins (outliers join the last) and Q spreads `levels` codes over
 * them.
 */
function divergenceAt(magnitudes: Float64Array, kept: number, levels: number): number {
  const reference = magnitudes.slice(0, kept);
  let outliers = 0;
  for (let bin = kept; bin < magnitudes.length; bin++) outliers += magnitudes[bin]!;
  let total = outliers;
  for (const count of reference) total += count;
  let divergence = 0;
  for (let level = 0; level < levels; level++) {
    const from = Math.floor((level * kept) / levels);
    const to = Math.floor(((level + 1) * kept) / levels);
    let mass = 0;
    let filled = 0;
    for (let bin = from; bin < to; bin++) {
      mass += reference[bin]!;
      if (reference[bin]! > 0) filled++;
    }
    for (let bin = from; bin < to; bin++) {
      const p = (reference[bin]! + (bin === kept - 1 ? outliers : 0)) / total;
      if (p > 0)
        divergence += p * Math.log(p / (filled > 0 && mass > 0 ? mass / filled / (total - outliers) : 1e-12));
    }
  }
  return divergence;
}
