/**
 * A histogram over values that arrive in pieces, in one pass and bounded memory, for any range.
 *
 * Method: counts are kept on a grid of bins whose width is a power of two and whose edges are multiples of it.
 * When a value is outside the grid, the width is doubled until the whole range fits. Pairs of bins merge
 * without loss, so the final grid depends only on the range, not on the order of the values. The grid has four
 * times the requested bins, and the range covers at least half of them, so each resulting bin comes from two to
 * four grid bins, and a percentile is off by at most half a resulting bin.
 */
import { finiteRange, type RealArray } from "./range.js";
import type { Histogram, Range } from "./statistics.js";

const DEFAULT_BINS = 2048;
/** A block that does not fit the grid is undone and counted again, so it should fit in the L1 cache. */
const BLOCK = 8192;
/** Counters are 32 bits wide; they are emptied into doubles before they can overflow. */
const COUNTER_LIMIT = 2 ** 32 - BLOCK;

export class HistogramAccumulator {
  private readonly bins: number;
  /**
   * Number of grid bins, a power of two. Bin 0 stays empty: NaN and infinities convert to it and are thereby
   * detected.
   */
  private readonly size: number;
  /**
   * Even and odd values have separate counters, so that runs of equal values do not wait for their own previous
   * store.
   */
  private counters: Uint32Array;
  private overflow: Float64Array | undefined;
  private counted = 0;
  private count = 0;
  private min = Infinity;
  private max = -Infinity;
  private readonly extremes = new Float64Array(2);
  /** Bin width is 2 ** exponent; NaN until the first finite value. */
  private exponent = NaN;
  /** The index of grid bin 0 in units of the width: value v lies in bin floor(v / width) - origin. */
  private origin = 0;

  /** @param bins number of equal bins of the result, from the smallest to the largest value */
  constructor(bins = DEFAULT_BINS) {
    this.bins = bins;
    this.size = 2 ** Math.ceil(Math.log2(Math.max(bins, 16) * 4));
    this.counters = new Uint32Array(2 * this.size);
  }

  /** Adds `values`. Infinities are ignored; NaN are ignored and their number is returned. */
  add(values: RealArray): number {
    let nans = 0;
    for (let from = 0; from < values.length; from += BLOCK) {
      const to = Math.min(values.length, from + BLOCK);
      if (this.counted > COUNTER_LIMIT) this.spill();
      if (values instanceof Float32Array && this.addPlain(values, from, to)) continue;
      nans += this.addCarefully(values, from, to);
    }
    return nans;
  }

  /** The histogram over [min, max] (all in bin 0 if they are equal), or undefined if no finite value was seen. */
  result(): Histogram | undefined {
    if (this.count === 0) return undefined;
    this.spill();
    const counts = resample(this.overflow!, this.origin, 2 ** this.exponent, this.min, this.max, this.bins);
    return { min: this.min, max: this.max, counts, count: this.count };
  }

  /** The range of the finite values, or undefined if there was none. */
  range(): Range | undefined {
    return this.count === 0 ? undefined : { min: this.min, max: this.max, count: this.count };
  }

  /**
   * The common case: every value is finite and inside the grid. Returns false, with nothing changed,
   * otherwise.
   */
  private addPlain(values: Float32Array, from: number, to: number): boolean {
    if (Number.isNaN(this.exponent)) return false;
    const { counters, size, origin, extremes } = this;
    const scale = 2 ** -this.exponent;
    extremes[0] = this.min;
    extremes[1] = this.max;
    countBlock(values, from, to, counters, size, scale, origin, extremes);
    if (!this.covers(extremes[0], extremes[1]) || counters[0] !== 0 || counters[size] !== 0) {
      uncountBlock(values, from, to, counters, size, scale, origin);
      return false;
    }
    this.min = extremes[0];
    this.max = extremes[1];
    this.count += to - from;
    this.counted += to - from;
    return true;
  }

  private addCarefully(values: RealArray, from: number, to: number): number {
    const { min, max, finite, nans } = finiteRange(values, from, to);
    if (finite === 0) return nans;
    this.min = Math.min(this.min, min);
    this.max = Math.max(this.max, max);
    if (!this.covers(this.min, this.max)) this.regrid();
    const scale = 2 ** -this.exponent;
    for (let i = from; i < to; i++) {
      const value = values[i]!;
      if (value - value === 0) this.counters[Math.floor(value * scale) - this.origin]!++;
    }
    this.count += finite;
    this.counted += finite;
    return nans;
  }

  private covers(min: number, max: number): boolean {
    const scale = 2 ** -this.exponent;
    return Math.floor(min * scale) - this.origin >= 1 && Math.floor(max * scale) - this.origin < this.size;
  }

  /** Widens the bins until they span [min, max], centres the window there and moves the counts over. */
  private regrid(): void {
    const before = this.exponent;
    let exponent = Number.isNaN(before) ? finestExponent(this.min, this.max, this.size) : before;
    const span = (e: number): number => Math.floor(this.max * 2 ** -e) - Math.floor(this.min * 2 ** -e) + 1;
    while (span(exponent) > this.size - 1) exponent++;
    const origin =
      Math.floor(this.min * 2 ** -exponent) - 1 - Math.floor((this.size - 1 - span(exponent)) / 2);
    if (!Number.isNaN(before)) this.moveCounts(2 ** (exponent - before), origin);
    this.exponent = exponent;
    this.origin = origin;
  }

  private moveCounts(factor: number, origin: number): void {
    this.spill();
    const moved = new Float64Array(this.size);
    this.overflow!.forEach((count, bin) => {
      if (count > 0) moved[Math.floor((bin + this.origin) / factor) - origin]! += count;
    });
    this.overflow = moved;
  }

  /** Empties the counters into the doubles. */
  private spill(): void {
    this.overflow ??= new Float64Array(this.size);
    const { overflow, counters, size } = this;
    for (let bin = 0; bin < size; bin++) overflow[bin]! += counters[bin]! + counters[bin + size]!;
    counters.fill(0);
    this.counted = 0;
  }
}

/**
 * Counts values[from, to) on the grid and widens `extremes` (smallest, largest) by them. Indices wrap at
 * `size`, so a value outside harms nothing beyond the counts. Written without calls for speed, because it
 * processes every activation value: about 2 ns each. Extremes are in a typed array so that the compiler knows
 * that they are doubles; as plain arguments they were boxed, at 5 ns a value.
 */
function countBlock(
  values: Float32Array,
  from: number,
  to: number,
  counters: Uint32Array,
  size: number,
  scale: number,
  origin: number,
  extremes: Float64Array,
): void {
  const mask = size - 1;
  let min = extremes[0]!;
  let max = extremes[1]!;
  let i = from;
  for (; i + 3 < to; i += 4) {
    const a = values[i]!;
    const b = values[i + 1]!;
    const c = values[i + 2]!;
    const d = values[i + 3]!;
    if (a < min) min = a;
    if (a > max) max = a;
    if (b < min) min = b;
    if (b > max) max = b;
    if (c < min) min = c;
    if (c > max) max = c;
    if (d < min) min = d;
    if (d > max) max = d;
    counters[((a * scale - origin) | 0) & mask]!++;
    counters[(((b * scale - origin) | 0) & mask) | size]!++;
    counters[((c * scale - origin) | 0) & mask]!++;
    counters[(((d * scale - origin) | 0) & mask) | size]!++;
  }
  for (; i < to; i++) {
    const a = values[i]!;
    if (a < min) min = a;
    if (a > max) max = a;
    counters[((a * scale - origin) | 0) & mask]!++;
  }
  extremes[0] = min;
  extremes[1] = max;
}

/** Undoes countBlock. */
function uncountBlock(
  values: Float32Array,
  from: number,
  to: number,
  counters: Uint32Array,
  size: number,
  scale: number,
  origin: number,
): void {
  const mask = size - 1;
  const quads = from + (to - from - ((to - from) % 4));
  for (let i = from; i < to; i++) {
    const half = i < quads && (i - from) % 2 === 1 ? size : 0;
    counters[(((values[i]! * scale - origin) | 0) & mask) + half]!--;
  }
}

/** The exponent from which to search for the bin width: never below the float32 spacing at that magnitude. */
function finestExponent(min: number, max: number, size: number): number {
  const magnitude = Math.max(Math.abs(min), Math.abs(max), 2 ** -126);
  const finest = Math.floor(Math.log2(magnitude)) - 24;
  return max > min ? Math.max(finest, Math.floor(Math.log2((max - min) / size)) - 1) : finest;
}

/** Spreads grid counts over `bins` equal bins of [min, max], in proportion to the overlap. */
function resample(
  grid: Float64Array,
  origin: number,
  width: number,
  min: number,
  max: number,
  bins: number,
): Float64Array {
  const counts = new Float64Array(bins);
  const toBin = (value: number): number => (max > min ? ((value - min) / (max - min)) * bins : 0);
  for (let i = 0; i < grid.length; i++) {
    const count = grid[i]!;
    if (count === 0) continue;
    const from = Math.max(0, toBin((i + origin) * width));
    const to = Math.min(bins, toBin((i + origin + 1) * width));
    const first = Math.min(bins - 1, Math.floor(from));
    if (to <= first + 1) {
      counts[first]! += count;
      continue;
    }
    for (let bin = first; bin < to; bin++)
      counts[bin]! += (count * (Math.min(to, bin + 1) - Math.max(from, bin))) / (to - from);
  }
  return counts;
}

/**
 * The histogram after a clamp to [0, ceiling], within one bin width. Values at 0 are left out of the bins,
 * because they have neither power nor error, but stay in the count.
 */
export function clampedHistogram({ min, max, counts, count }: Histogram, ceiling: number): Histogram {
  if (ceiling <= min) return { min: ceiling, max: ceiling, counts: Float64Array.of(count), count };
  const width = (max - min) / counts.length;
  const last = Math.min(counts.length - 1, Math.floor((ceiling - min) / width));
  const clamped = new Float64Array(counts.length);
  for (let bin = 0; bin < counts.length; bin++)
    if (min + (bin + 0.5) * width > 0) clamped[Math.min(bin, last)]! += counts[bin]!;
  return { min, max, counts: clamped, count };
}
