/**
 * Intervals by resampling: how far a figure over some samples may be from that over all there could be (Efron 1979,
 * the percentile method).
 */
import { mulberry32 } from "./mulberry32.js";

const RESAMPLES = 1_000;
const SEED = 1;

export type Interval = readonly [low: number, high: number];

/**
 * The interval that holds the figure in `confidence` of the resamples; undefined for fewer than two values. The same
 * values give the same interval.
 * @param values one of each sample, finite or infinite, not NaN
 * @param figure of values in any order, such as `mean` or `median`
 * @param confidence from 0 to 1
 */
export function bootstrapInterval(
  values: readonly number[],
  figure: (values: Float64Array) => number,
  confidence = 0.95,
): Interval | undefined {
  const count = values.length;
  if (count < 2) return undefined;
  const next = mulberry32(SEED);
  const resample = new Float64Array(count);
  const figures = new Float64Array(RESAMPLES);
  for (let k = 0; k < RESAMPLES; k++) {
    for (let i = 0; i < count; i++) resample[i] = values[Math.floor(next() * count)]!;
    figures[k] = figure(resample);
  }
  figures.sort();
  const tail = (1 - confidence) / 2;
  const at = (share: number): number => figures[Math.round(share * (RESAMPLES - 1))]!;
  return [at(tail), at(1 - tail)];
}

/**
 * The interval of the median in 95 % of all resamples, without drawing them: a resample's median lies between two
 * values of the sorted list with a probability of the binomial distribution. Undefined for fewer than two values.
 */
export function medianInterval(values: readonly number[]): Interval | undefined {
  const count = values.length;
  if (count < 2) return undefined;
  const sorted = Float64Array.from(values).sort();
  const reach = (1.96 * Math.sqrt(count)) / 2;
  const low = Math.max(0, Math.round(count / 2 - reach - 0.5));
  return [sorted[low]!, sorted[count - 1 - low]!];
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}
