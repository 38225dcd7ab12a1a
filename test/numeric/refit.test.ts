import { expect, it } from "vitest";
import { cholesky, solveFactored, solveFactoredFour } from "../../src/numeric/linear-algebra.js";
import { type JointMoments, refitLinear } from "../../src/numeric/refit.js";
import { normalArray } from "../support/seeded.js";

/** Moments of rows [x, z]. */
function momentsOf(rows: readonly (readonly number[])[], inputs: number): JointMoments {
  const size = rows[0]!.length;
  const [matrix, mean] = [new Float64Array(size * size), new Float64Array(size)];
  for (const row of rows) {
    for (let i = 0; i < size; i++) {
      mean[i]! += row[i]! / rows.length;
      for (let j = 0; j < size; j++) matrix[i * size + j]! += (row[i]! * row[j]!) / rows.length;
    }
  }
  return { inputs, outputs: size - inputs, matrix, mean };
}

it("weighs the weights there were against the slope of the data: (c_xz + λ w) / (c_xx + λ) for one input", () => {
  // c_xx = 2/3, c_xz = 2, λ = c_xx / 2 = 1/3: (2 + 1/3 · 0) / 1 = 2 from w = 0, and 3 from w = 3, which is
  // the slope.
  const moments = momentsOf(
    [
      [-1, -2],
      [0, 1],
      [1, 4],
    ],
    1,
  );
  const from = (w: number) =>
    refitLinear({ weights: Float64Array.of(w), bias: Float64Array.of(0) }, moments, 0.5)!;
  expect(from(0).weights[0]).toBeCloseTo(2, 12);
  expect(from(3).weights[0]).toBeCloseTo(3, 12);
  expect([from(0).bias[0], from(3).bias[0]].map((b) => Math.round(1e9 * b!) / 1e9)).toEqual([1, 1]);
});

it("finds every one of five outputs that the inputs make", () => {
  const [inputs, outputs] = [3, 5];
  const [w, b] = [normalArray(inputs * outputs, 1), normalArray(outputs, 2)];
  const rows = Array.from({ length: 20 }, (_, r) => {
    const x = Array.from(normalArray(inputs, 10 + r));
    return [
      ...x,
      ...Array.from(
        { length: outputs },
        (_, o) => b[o]! + x.reduce((sum, value, i) => sum + value * w[o * inputs + i]!, 0),
      ),
    ];
  });
  const fitted = refitLinear(
    { weights: new Float64Array(w.length), bias: new Float64Array(outputs) },
    momentsOf(rows, inputs),
    1e-9,
  )!;
  fitted.weights.forEach((value, k) => expect(value).toBeCloseTo(w[k]!, 6));
  fitted.bias.forEach((value, o) => expect(value).toBeCloseTo(b[o]!, 6));
});

it("gives up where inputs do not vary", () => {
  expect(
    refitLinear(
      { weights: Float64Array.of(1), bias: Float64Array.of(0) },
      momentsOf(
        [
          [2, 1],
          [2, 3],
        ],
        1,
      ),
      0.1,
    ),
  ).toBeUndefined();
});

it("solves for four sides as for one", () => {
  const n = 7;
  const random = Float64Array.from(normalArray(n * n, 3));
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      for (let k = 0; k < n; k++)
        a[i * n + j]! += random[i * n + k]! * random[j * n + k]! + (i === j ? 0.1 : 0);
  expect(cholesky(a, n)).toBe(true);
  const upper = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) upper[j * n + i] = a[i * n + j]!;
  const sides = [4, 5, 6, 7].map((seed) => Float64Array.from(normalArray(n, seed))) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const expected = sides.map((side) => side.slice());
  for (const side of expected) solveFactored(a, n, side);
  solveFactoredFour(a, upper, n, sides);
  sides.forEach((side, k) => side.forEach((value, i) => expect(value).toBeCloseTo(expected[k]![i]!, 9)));
});
