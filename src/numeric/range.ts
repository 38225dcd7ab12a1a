/** The smallest and largest finite value of a stream of values. */
import type { Range } from "./statistics.js";

/** Measured values of an activation: float32, or float64 for double tensors. */
export type RealArray = Float32Array | Float64Array;

/** Range of one array: `min` is Infinity if no value is finite. */
export interface FiniteRange {
  readonly min: number;
  readonly max: number;
  readonly finite: number;
  readonly nans: number;
}

/** Smallest and largest finite value of `values[from, to)`, and the number of finite values and of NaN. */
export function finiteRange(values: RealArray, from = 0, to = values.length): FiniteRange {
  let min = Infinity;
  let max = -Infinity;
  let finite = 0;
  let nans = 0;
  for (let i = from; i < to; i++) {
    const value = values[i]!;
    if (value - value !== 0) {
      if (value !== value) nans++;
      continue;
    }
    finite++;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max, finite, nans };
}

/** Whether no value is NaN or infinite: times zero, such values are NaN. */
export function areFinite(values: RealArray): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += 0 * values[i]!;
  return sum === 0;
}

/**
 * Accumulates the range of finite values. Infinities are ignored (attention masks contain them); NaN are
 * ignored but counted, for the caller to report.
 */
export class RangeAccumulator {
  private min = Infinity;
  private max = -Infinity;
  private count = 0;

  /** Adds `values`; returns the number of NaN among them. */
  add(values: RealArray): number {
    const fast = values instanceof Float32Array ? plainRange(values) : undefined;
    const range = fast ?? finiteRange(values);
    if (range.min < this.min) this.min = range.min;
    if (range.max > this.max) this.max = range.max;
    this.count += range.finite;
    return range.nans;
  }

  /** The range, or undefined when no finite value was seen. */
  result(): Range | undefined {
    return this.count === 0 ? undefined : { min: this.min, max: this.max, count: this.count };
  }
}

/**
 * The range of an array in which every value is finite, or undefined otherwise. Reads four values at a time;
 * their sum in double precision cannot overflow, so it is finite exactly if they all are.
 */
function plainRange(values: Float32Array): FiniteRange | undefined {
  const length = values.length;
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    const a = values[i]!;
    const b = values[i + 1]!;
    const c = values[i + 2]!;
    const d = values[i + 3]!;
    sum += a + b + (c + d);
    if (a < min) min = a;
    if (a > max) max = a;
    if (b < min) min = b;
    if (b > max) max = b;
    if (c < min) min = c;
    if (c > max) max = c;
    if (d < min) min = d;
    if (d > max) max = d;
  }
  for (; i < length; i++) {
    const a = values[i]!;
    sum += a;
    if (a < min) min = a;
    if (a > max) max = a;
  }
  return Number.isFinite(sum) ? { min, max, finite: length, nans: 0 } : undefined;
}
