import { expect, test } from "vitest";
import { quantile } from "../../src/numeric/quantile.js";
import { compareTimes, percentiles } from "../../src/verify/index.js";

test("quantiles interpolate between neighbours, as numpy.quantile does", () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(quantile([4, 1, 3, 2], 0.95)).toBeCloseTo(3.85, 12);
  expect(quantile([7], 0.95)).toBe(7);
});

test("the spread is the interquartile range divided by the median", () => {
  expect(percentiles([1, 2, 3, 4, 5])).toEqual({ p50Ms: 3, p95Ms: 4.8, spread: 2 / 3 });
});

test("the speed-up is the median of the rounds' ratios, unaffected by a machine that slows down half way", () => {
  const latency = compareTimes(
    { samplesMs: [2, 2, 20, 20, 20] },
    { samplesMs: [1, 1, 10, 10, 10] },
    { threads: 1, runtime: "onnxruntime-node 1.30.0" },
  );
  expect(latency).toMatchObject({
    speedup: 2,
    p50Ratio: 2,
    speedupRange: [2, 2],
    runs: 5,
    threads: 1,
    runtime: "onnxruntime-node 1.30.0",
  });
});
