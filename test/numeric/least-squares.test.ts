import { describe, expect, it } from "vitest";
import { centred, SupportSolver, withRidge } from "../../src/numeric/least-squares.js";
import { quadraticForm } from "../support/quadratic-form.js";

const H = Float64Array.of(2, 1, 1, 2);

describe("SupportSolver", () => {
  it("refits the weight that stays: (2·1 + 1·1) / 2 for w = (1, 1)", () => {
    const weights = new SupportSolver(H, 2).refit(Int32Array.of(0), [1, 1]);
    expect(weights).toHaveLength(1);
    expect(weights[0]).toBeCloseTo(1.5, 14);
  });

  it("leaves weights alone when all stay", () => {
    const weights = new SupportSolver(H, 2).refit(Int32Array.of(0, 1), [1, 1]);
    weights.forEach((w) => expect(w).toBeCloseTo(1, 14));
  });

  it("foretells the loss of each removal, which is that of the refit", () => {
    const { losses } = new SupportSolver(H, 2).refitWithLosses(Int32Array.of(0, 1), [1, 1]);
    losses.forEach((loss) => expect(loss).toBeCloseTo(1.5, 14));
    expect(quadraticForm(H, 2, [1.5 - 1, 0 - 1])).toBe(1.5);
  });
});

it("centred moments are covariances", () => {
  const { matrix } = centred({ size: 2, matrix: Float64Array.of(5, 2, 2, 4), mean: Float64Array.of(2, 1) });
  expect([...matrix]).toEqual([1, 0, 0, 3]);
});

it("the ridge is a share of the mean diagonal", () => {
  const moments = { size: 2, matrix: Float64Array.of(1, 0, 0, 3), mean: new Float64Array(2) };
  expect([...(withRidge(moments, 0.5) ?? [])]).toEqual([2, 0, 0, 4]);
});

it("there is nothing to fit to when the inputs varied by no more than rounding", () => {
  // One feature of 3 in every sample: 9 - 3 · 3, where a float32 sum of squares is off by a few millionths.
  const moments = centred({ size: 1, matrix: Float64Array.of(9.000004), mean: Float64Array.of(3) });
  expect(withRidge(moments, 0.01)).toBeUndefined();
});

it("there is nothing to fit to when the inputs were always zero", () => {
  expect(
    withRidge({ size: 1, matrix: new Float64Array(1), mean: new Float64Array(1) }, 0.01),
  ).toBeUndefined();
});
