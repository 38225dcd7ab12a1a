import { describe, expect, it } from "vitest";
import { calibratedRange, CALIBRATORS, powerOf, roundingError } from "../../src/numeric/calibrators.js";
import type { Histogram } from "../../src/numeric/statistics.js";

/** 2,048 bins over [min, max] filled by a density. */
function histogramOf(min: number, max: number, density: (x: number) => number): Histogram {
  const counts = Float64Array.from({ length: 2048 }, (_, k) =>
    Math.round(1e6 * density(min + ((k + 0.5) * (max - min)) / 2048)),
  );
  return { min, max, counts, count: counts.reduce((sum, c) => sum + c, 0) };
}

const gaussianWithOutlier = histogramOf(-40, 40, (x) => Math.exp((-x * x) / 2) + (x > 39.9 ? 1e-5 : 0));

describe("calibratedRange", () => {
  it("minmax keeps everything", () => {
    expect(calibratedRange(gaussianWithOutlier, "minmax")).toEqual({ min: -40, max: 40 });
  });

  it("percentile clips the share asked for, half at each end", () => {
    const uniform = histogramOf(-1, 1, () => 1);
    const { min, max } = calibratedRange(uniform, "percentile", 90);
    expect(min).toBeCloseTo(-0.9, 2);
    expect(max).toBeCloseTo(0.9, 2);
  });

  it("percentile leaves the end at zero of a one-sided tensor alone", () => {
    const { min, max } = calibratedRange(
      histogramOf(0, 1, () => 1),
      "percentile",
      90,
    );
    expect(min).toBe(0);
    expect(max).toBeCloseTo(0.9, 2);
  });

  it("mse clips a far outlier but not the body", () => {
    const { max } = calibratedRange(gaussianWithOutlier, "mse");
    expect(max).toBeLessThan(20);
    expect(max).toBeGreaterThan(3);
  });

  it("mse keeps a uniform range whole: clipping it only adds error", () => {
    expect(
      calibratedRange(
        histogramOf(0, 1, () => 1),
        "mse",
      ),
    ).toEqual({ min: 0, max: 1 });
  });

  it("entropy clips a far outlier but not the body", () => {
    const { max } = calibratedRange(gaussianWithOutlier, "entropy");
    expect(max).toBeLessThan(20);
    expect(max).toBeGreaterThan(2);
  });

  it.each(CALIBRATORS)("%s survives a tensor of one value", (calibrator) => {
    expect(calibratedRange({ min: 3, max: 3, counts: new Float64Array(2048), count: 5 }, calibrator)).toEqual(
      { min: 3, max: 3 },
    );
  });
});

// Even values up to m have a mean square of m²/3; rounding to steps of s errs evenly within s/2, s²/12 in
// the mean.
it("power and rounding error of even values are those of the closed forms", () => {
  const even: Histogram = { min: 0, max: 4, counts: new Float64Array(2 ** 16).fill(1), count: 2 ** 16 };
  expect(powerOf(even) / even.count).toBeCloseTo(16 / 3, 6);
  expect(
    (roundingError(even, { scale: 4 / 255, zeroPoint: 0 }) / even.count / (4 / 255) ** 2) * 12,
  ).toBeCloseTo(1, 2);
});

it(
  "the rounding error holds what clipping costs: values above half the range are off " +
    "by their distance to it",
  () => {
    const even: Histogram = { min: 0, max: 2, counts: new Float64Array(2 ** 12).fill(1), count: 2 ** 12 };
    expect(roundingError(even, { scale: 1 / 255, zeroPoint: 0 }) / even.count).toBeCloseTo(1 / 6, 4);
  },
);
