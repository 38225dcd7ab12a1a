import { describe, expect, it } from "vitest";
import { clampedHistogram, HistogramAccumulator } from "../../src/numeric/histogram.js";
import type { Histogram } from "../../src/numeric/statistics.js";
import { normalArray } from "../support/seeded.js";

/**
 * The value below which a share `quantile` (0 to 1) of the counts lies, linear within its bin.
 * Within one bin width of the exact quantile of the values.
 */
function histogramQuantile(histogram: Histogram, quantile: number): number {
  const { min, max, counts } = histogram;
  const width = (max - min) / counts.length;
  const total = counts.reduce((sum, count) => sum + count, 0);
  // Counts may be fractional, so their sum may differ from an integer by a rounding error.
  const target = quantile * total - total * 1e-12;
  let below = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin]!;
    if (count > 0 && below + count >= target)
      return Math.min(max, min + (bin + Math.max(0, (target - below) / count)) * width);
    below += count;
  }
  return max;
}

function histogramOf(parts: readonly (Float32Array | Float64Array)[], bins?: number): Histogram {
  const accumulator = new HistogramAccumulator(bins);
  for (const part of parts) accumulator.add(part);
  const histogram = accumulator.result();
  if (!histogram) throw new Error("nothing was counted");
  return histogram;
}

const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
const concat = (parts: readonly Float32Array[]): Float64Array =>
  Float64Array.from(parts.flatMap((part) => [...part])).sort();

const relu = normalArray(50_000, 5, 3).map((v) => Math.max(0, v));
const CASES: [string, Float32Array[]][] = [
  ["a normal distribution", [normalArray(100_000, 1)]],
  ["pieces whose range grows", [0.001, 0.1, 1, 30, 1e4].map((scale, i) => normalArray(20_000, i + 2, scale))],
  ["pieces whose range shifts", [-500, 0, 300, 1e3].map((shift, i) => normalArray(10_000, i + 3, 1, shift))],
  ["rectified values", [relu, relu.map((v) => v / 7)]],
  ["values far from zero", [normalArray(30_000, 9, 1, 1e4)]],
  ["tiny values", [normalArray(30_000, 10, 1e-30)]],
  ["an outlier", [normalArray(30_000, 11), Float32Array.of(1e6)]],
];

describe("HistogramAccumulator", () => {
  it.each(CASES)("is within one bin of the exact percentiles of %s", (_, parts) => {
    const sorted = concat(parts);
    const histogram = histogramOf(parts);
    const bin = (sorted.at(-1)! - sorted[0]!) / 2048;
    expect([histogram.min, histogram.max, histogram.count]).toEqual([
      sorted[0],
      sorted.at(-1),
      sorted.length,
    ]);
    expect(sum(histogram.counts)).toBeCloseTo(sorted.length, 4);
    for (const q of [0.0001, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999]) {
      // Between the values of the neighbouring ranks, give or take one bin.
      const rank = Math.ceil(q * sorted.length) - 1;
      const value = histogramQuantile(histogram, q);
      expect(value).toBeGreaterThanOrEqual(sorted[Math.max(0, rank - 1)]! - bin);
      expect(value).toBeLessThanOrEqual(sorted[Math.min(sorted.length - 1, rank + 1)]! + bin);
    }
  });

  it("does not depend on the order or the division of the values", () => {
    const values = normalArray(40_000, 4);
    const forward = histogramOf([values]);
    const backward = histogramOf(
      Array.from({ length: 40 }, (_, i) => values.slice(39_000 - i * 1000, 40_000 - i * 1000)),
    );
    expect(backward).toEqual(forward);
  });

  it("counts into equal bins exactly where the edges fall between values", () => {
    expect(histogramOf([Float32Array.of(0, 1, 1, 3, 4)], 4).counts).toEqual(Float64Array.of(1, 2, 0, 2));
  });

  it("puts a constant in the first bin", () => {
    expect(histogramOf([new Float32Array(10).fill(3)], 4)).toEqual({
      min: 3,
      max: 3,
      count: 10,
      counts: Float64Array.of(10, 0, 0, 0),
    });
    expect(histogramOf([new Float32Array(10)], 4)).toMatchObject({ min: 0, max: 0, count: 10 });
  });

  it("leaves out infinities, and leaves out and reports NaN", () => {
    const accumulator = new HistogramAccumulator(4);
    expect(accumulator.add(Float32Array.of(0, -Infinity, 4))).toBe(0);
    expect(accumulator.add(Float32Array.of(1, NaN, Infinity, NaN))).toBe(2);
    expect(accumulator.result()).toMatchObject({ min: 0, max: 4, count: 3 });
  });

  it("counts doubles", () => {
    const values = Float64Array.from(normalArray(10_000, 8));
    expect(histogramOf([values])).toEqual(histogramOf([Float32Array.from(values)]));
  });

  it("has no result for no values", () => {
    const accumulator = new HistogramAccumulator();
    accumulator.add(Float32Array.of(-Infinity));
    expect(accumulator.result()).toBeUndefined();
  });

  it("spans the whole float range", () => {
    expect(histogramOf([Float32Array.of(0, -3.4e38, 3.4e38, 1e-45)], 16)).toMatchObject({ count: 4 });
  });
});

describe("clampedHistogram", () => {
  const histogram = { min: -2, max: 2, counts: Float64Array.of(10, 20, 30, 40), count: 100 };

  it("leaves out what is at 0 and puts what is above into the bin of the ceiling", () => {
    expect(clampedHistogram(histogram, Infinity)).toEqual({
      ...histogram,
      counts: Float64Array.of(0, 0, 30, 40),
    });
    expect(clampedHistogram(histogram, 0.75)).toEqual({ ...histogram, counts: Float64Array.of(0, 0, 70, 0) });
  });

  it("puts all at a ceiling that lies below", () => {
    expect(clampedHistogram({ ...histogram, min: 7, max: 9 }, 6)).toEqual({
      min: 6,
      max: 6,
      counts: Float64Array.of(100),
      count: 100,
    });
  });

  it("keeps values that are all equal", () => {
    expect(clampedHistogram({ min: 3, max: 3, counts: Float64Array.of(5, 0), count: 5 }, 6)).toEqual({
      min: 3,
      max: 3,
      counts: Float64Array.of(5, 0),
      count: 5,
    });
  });
});
