import { describe, expect, it } from "vitest";
import {
  balancingFactors,
  channelSizes,
  expectedError,
  ScaledMagnitudes,
  spreadOf,
} from "../../src/numeric/equalization.js";

describe("balancingFactors", () => {
  it("bring both sides to the same share of their largest", () => {
    const [before, behind] = [Float64Array.of(8, 2, 0.5), Float64Array.of(1, 3, 0.2)];
    const s = balancingFactors(before, behind, 0.5);
    const ratios = before.map((value, c) => value / s[c]! / (behind[c]! * s[c]!));
    expect([...ratios]).toEqual([
      expect.closeTo(ratios[0]!, 10),
      expect.closeTo(ratios[0]!, 10),
      expect.closeTo(ratios[0]!, 10),
    ]);
    expect(s[0]! * s[1]! * s[2]!).toBeCloseTo(1, 10);
  });

  it("stay within 1/100 and 100, and are 1 where nothing is known", () => {
    expect([
      ...balancingFactors(Float64Array.of(1e9, 1e-9, 0, Infinity, NaN), Float64Array.of(1, 1, 1, 1, 0), 0.5),
    ]).toEqual([expect.closeTo(100), expect.closeTo(0.01), 1, 1, 1]);
    expect([...balancingFactors(new Float64Array(2), new Float64Array(2), 0.5)]).toEqual([1, 1]);
  });
});

describe("channelSizes", () => {
  it("are the mean of both sides, and never lose sight of a channel that was not seen", () => {
    // Typical share seen / rows: √(4/1 · 1/1) = 2; the third channel counts as a tenth of it.
    const sizes = channelSizes(Float64Array.of(4, 1, 0), Float64Array.of(1, 1, 5));
    expect([...sizes]).toEqual([2, 1, expect.closeTo(Math.sqrt(0.1 * 2 * 5 * 5), 10)]);
  });
});

describe("ScaledMagnitudes", () => {
  it("see rows and columns through the factors, group by group", () => {
    // Two groups of one output over two inputs each.
    const layer = new ScaledMagnitudes(Float32Array.of(1, 2, 3, 4), 4, 2, 2);
    layer.inputFactors.set([1, 2, 10, 1]);
    layer.outputFactors.set([1, 0.5]);
    expect([...layer.rowMaxima()]).toEqual([4, 15]);
    expect([...layer.columnMaxima(Float64Array.of(2, 1))]).toEqual([0.5, 2, 15, 2]);
  });
});

it("spreadOf is the deviation of the logarithms", () => {
  expect(spreadOf(Float64Array.of(1, 1, 1))).toBe(0);
  expect(spreadOf(Float64Array.of(Math.E, 1 / Math.E))).toBeCloseTo(1, 12);
});

it("expectedError adds what activations and weights round away", () => {
  // One output, w = [2, 1], x in ±3: Δx = 6/255, Δw = 2/127, power 1 + 1.
  const layer = new ScaledMagnitudes(Float32Array.of(2, 1), 2, 1, 1);
  const range = { min: Float64Array.of(-3, -3), max: Float64Array.of(3, 3) };
  expect(expectedError(layer, range, Float64Array.of(1, 1))).toBeCloseTo(
    ((6 / 255) ** 2 * 5 + (2 / 127) ** 2 * 2) / 12,
    12,
  );
});
