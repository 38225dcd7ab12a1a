import { describe, expect, it } from "vitest";
import { matrixRows, quantizeRows } from "../../src/numeric/affine.js";
import { quadraticForm } from "../support/quadratic-form.js";
import { type CodeLimits } from "../../src/numeric/rounding-grid.js";
import { roundGroups } from "../../src/numeric/round-rows.js";
import { normalArray } from "../support/seeded.js";

/** Second moments of `count` rows of which all features share a part. */
function moments(size: number, seed: number, count = 4 * size): Float64Array {
  const h = new Float64Array(size * size);
  for (let r = 0; r < count; r++) {
    const [shared] = normalArray(1, 977 * seed + r);
    const x = normalArray(size, seed + 31 * r).map((value) => 0.5 * value + shared!);
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) h[i * size + j]! += (x[i]! * x[j]!) / count;
  }
  for (let i = 0; i < size; i++) h[i * size + i]! += 0.01;
  return h;
}

const lossOf = (h: Float64Array, weights: Float32Array, codes: ArrayLike<number>, scale: number): number =>
  quadraticForm(
    h,
    weights.length,
    Float64Array.from(weights, (w, j) => codes[j]! * scale - w),
  );

interface Problem {
  readonly weights: Float32Array;
  readonly size: number;
  readonly h: Float64Array | undefined;
  readonly limits: CodeLimits;
}

/** The rounded weights with the codes and scales that quantization finds for them. */
function roundRows({ weights, size, h, limits }: Problem) {
  const rounded = roundGroups({ weights, size, h: [h], limits });
  const options = { guardPairs: limits.partners !== undefined, maxCode: limits.maxCode };
  const { codes, scales } = quantizeRows(
    rounded.weights,
    matrixRows([weights.length / size, size], true),
    options,
  );
  return { ...rounded, codes, scales };
}

/** The least loss over all codes, those of the largest weight being at the end of the range. */
function exhaustive(h: Float64Array, weights: Float32Array, scale: number, maxCode: number): number {
  const largest = weights.reduce((best, w, j) => (Math.abs(w) > Math.abs(weights[best]!) ? j : best), 0);
  const codes = new Int8Array(weights.length);
  let least = Infinity;
  const choose = (j: number): void => {
    if (j === weights.length) least = Math.min(least, lossOf(h, weights, codes, scale));
    else if (j === largest) {
      codes[j] = Math.sign(weights[j]!) * maxCode;
      choose(j + 1);
    } else {
      for (let code = -maxCode; code <= maxCode; code++) {
        codes[j] = code;
        choose(j + 1);
      }
    }
  };
  choose(0);
  return least;
}

describe("rounding with second moments", () => {
  it("finds the best of all codes for nearly every short row, and is never worse than the nearest", () => {
    let optimal = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const size = 3 + (seed % 3);
      const h = moments(size, seed);
      const weights = normalArray(size, seed);
      const { codes, scales, loss, nearestLoss } = roundRows({ weights, size, h, limits: { maxCode: 3 } });
      const least = exhaustive(h, weights, scales[0]!, 3);
      expect(loss).toBeCloseTo(lossOf(h, weights, codes, scales[0]!), 12);
      expect(loss).toBeGreaterThan(least - 1e-9);
      expect(loss).toBeLessThanOrEqual(nearestLoss);
      if (loss < least + 1e-9) optimal++;
    }
    expect(optimal).toBeGreaterThanOrEqual(38);
  });

  it("errs less than a third of rounding to nearest on four bits of correlated inputs", () => {
    const { loss, nearestLoss } = roundRows({
      weights: normalArray(8 * 96, 5),
      size: 96,
      h: moments(96, 6),
      limits: { maxCode: 7 },
    });
    expect(loss).toBeLessThan(nearestLoss / 3);
  });

  it("says what rounding to nearest costs", () => {
    const [h, weights] = [moments(12, 3), normalArray(12, 4)];
    const { codes, scales } = quantizeRows(weights, matrixRows([1, 12], true), {
      guardPairs: false,
      maxCode: 7,
    });
    expect(roundRows({ weights, size: 12, h, limits: { maxCode: 7 } }).nearestLoss).toBeCloseTo(
      lossOf(h, weights, codes, scales[0]!),
      9,
    );
  });
});

/** The largest difference between the rounded weights and what their codes stand for, in steps of the grid. */
function offGrid({ weights, codes, scales }: ReturnType<typeof roundRows>): number {
  const size = weights.length / scales.length;
  return Math.max(
    ...weights.map((w, i) => {
      const scale = scales[Math.floor(i / size)]!;
      return Math.abs(w / scale - codes[i]!);
    }),
  );
}

describe("the grid", () => {
  it.each([2, 3, 4, 8])("of %i bits is found again by quantization", (bits) => {
    const maxCode = 2 ** (bits - 1) - 1;
    for (const h of [moments(24, 1), undefined]) {
      const result = roundRows({ weights: normalArray(24 * 10, 2), size: 24, h, limits: { maxCode } });
      expect(offGrid(result)).toBeLessThan(1e-4);
    }
  });

  it.each([1, 2, 3])(
    "keeps pairs of one sign within 128 and is found again with the guard, seed %i",
    (seed) => {
      // Rows of one sign: nearly all pairs are limited.
      const weights = normalArray(24 * 10, seed).map((w, i) => (i < 120 ? Math.abs(w) + 1 : w));
      const partners = Int32Array.from({ length: 24 }, (_, j) => j ^ 1);
      for (const h of [moments(24, seed), undefined]) {
        const result = roundRows({ weights, size: 24, h, limits: { maxCode: 127, partners } });
        for (let i = 0; i < weights.length; i += 2) {
          const [a, b] = [result.codes[i]!, result.codes[i + 1]!];
          if (a * b > 0) expect(Math.abs(a + b)).toBeLessThanOrEqual(128);
        }
        expect(offGrid(result)).toBeLessThan(1e-4);
      }
    },
  );

  it("keeps zeros", () => {
    const weights = normalArray(200, 8).map((w, i) => (i % 2 === 0 ? 0 : w));
    const { codes } = roundRows({ weights, size: 20, h: moments(20, 9), limits: { maxCode: 7 } });
    expect([...codes].filter((_, i) => i % 2 === 0).every((code) => code === 0)).toBe(true);
  });

  it("leaves rows of zeros, and rows that lie on a grid of such codes", () => {
    const weights = Float32Array.from([0, 0, 0, 0.7, -0.2, 0.1]);
    const limits = { maxCode: 7 };
    expect(roundRows({ weights, size: 3, h: moments(3, 1), limits }).weights).toEqual(weights);
  });
});

describe("without second moments", () => {
  it("takes the scale of least squared error", () => {
    const weights = normalArray(400, 11);
    const { codes, scales, loss, nearestLoss } = roundRows({
      weights,
      size: 400,
      h: undefined,
      limits: { maxCode: 7 },
    });
    const squared = weights.reduce((sum, w, j) => sum + (codes[j]! * scales[0]! - w) ** 2, 0);
    expect(loss).toBeCloseTo(squared, 6);
    // The optimum for normal weights on 15 levels clips at about 2.6 deviations, well below the largest of
    // 400.
    expect(scales[0]! * 7).toBeGreaterThan(2.2);
    expect(scales[0]! * 7).toBeLessThan(3);
    expect(loss).toBeLessThan(nearestLoss);
  });
});
