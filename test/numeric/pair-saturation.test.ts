import { describe, expect, it } from "vitest";
import { convolutionRows, matrixRows, quantizeRows } from "../../src/numeric/affine.js";
import { pairsAtRisk, positionOf } from "../../src/numeric/pair-saturation.js";

const canSaturate = (w0: number, w1: number): boolean =>
  pairsAtRisk(Int8Array.of(w0, w1), matrixRows([1, 2], true)).count > 0;

describe("a pair", () => {
  it("is at risk exactly from the bounds of int16 for codes up to 255 on", () => {
    // 255 · 128 = 32640 fits 32767, 255 · 129 = 32895 does not; the lower bound has one more.
    expect(canSaturate(64, 64)).toBe(false);
    expect(canSaturate(65, 64)).toBe(true);
    expect(canSaturate(-64, -64)).toBe(false);
    expect(canSaturate(-65, -64)).toBe(true);
  });

  it("is not at risk with weights of opposite signs: where one activation is 0, only one product is left", () => {
    expect(canSaturate(127, -127)).toBe(false);
    expect(canSaturate(-128, 127)).toBe(false);
  });
});

describe("pairsAtRisk", () => {
  it("pairs neighbours of a row and leaves the odd one alone", () => {
    expect(pairsAtRisk(Int8Array.of(100, 100, -80, -81, 127), matrixRows([1, 5], true))).toEqual({
      pairs: 2,
      count: 2,
      firsts: [[0, 2]],
    });
    expect(pairsAtRisk(Int8Array.of(0, 100, 100, 0), matrixRows([1, 4], true)).count).toBe(0);
  });

  it("walks columns of a matrix [K, N], and channels of a convolution at one position", () => {
    expect(pairsAtRisk(Int8Array.of(100, 1, 100, 2), matrixRows([2, 2], false)).firsts).toEqual([[0], []]);
    // [1, 2, 1, 2]: channel 0 is 100, 1 and channel 1 is 100, 2 along the width.
    const order = convolutionRows([1, 2, 1, 2]);
    expect(pairsAtRisk(Int8Array.of(100, 1, 100, 2), order).firsts).toEqual([[0]]);
    expect([0, 1, 2, 3].map((k) => positionOf(order, 0, k))).toEqual([0, 2, 1, 3]);
  });

  it("finds none where quantization guards pairs", () => {
    const values = Float32Array.from({ length: 256 }, (_, k) => Math.sin(k * 12.9898) * 3);
    const order = matrixRows([4, 64], true);
    expect(
      pairsAtRisk(quantizeRows(values, order, { guardPairs: false }).codes, order).count,
    ).toBeGreaterThan(0);
    expect(pairsAtRisk(quantizeRows(values, order, { guardPairs: true }).codes, order).count).toBe(0);
  });
});
