import { describe, expect, it } from "vitest";
import { ErrorCompensation } from "../../src/numeric/error-compensation.js";
import type { RoundingRow } from "../../src/numeric/rounding-grid.js";
import { TILE } from "../../src/numeric/row-products.js";

const SIZE = 6;
const inputs = Array.from({ length: 20 }, (_, i) =>
  Array.from({ length: SIZE }, (_, j) => ((5 * i + 3 * j * j) % 7) - 3 + 2 * ((i * i) % 5)),
);
const weights = Array.from({ length: 8 }, (_, i) =>
  Float64Array.from({ length: SIZE }, (_, j) => (((7 * i * i + 5 * i * j + 3 * j * j) % 23) - 11) / 3),
);

/** X Xᵀ / 20 with a ridge of a thousandth of the mean of its diagonal. */
function secondMoments(): Float64Array {
  const h = new Float64Array(SIZE * SIZE);
  for (const x of inputs)
    for (let i = 0; i < SIZE; i++)
      for (let j = 0; j < SIZE; j++) h[i * SIZE + j]! += (x[i]! * x[j]!) / inputs.length;
  const ridge = (0.001 * [0, 1, 2, 3, 4, 5].reduce((sum, i) => sum + h[i * SIZE + i]!, 0)) / SIZE;
  for (let i = 0; i < SIZE; i++) h[i * SIZE + i]! += ridge;
  return h;
}

const begin = (row: Float64Array): RoundingRow => ({
  weights: row,
  scale: 0.9,
  codes: new Int32Array(SIZE),
  fixed: new Uint8Array(SIZE),
});

function rounded(rows: readonly RoundingRow[]): number[][] {
  const compensation = ErrorCompensation.of(secondMoments(), SIZE);
  for (let first = 0; first < rows.length; first += TILE)
    compensation?.round(rows.slice(first, first + TILE), { maxCode: 7 });
  return rows.map(({ codes }) => [...codes]);
}

describe("error compensation", () => {
  // From numpy: algorithm 1 of the GPTQ paper with U = cholesky(inv(H)).T, columns by falling diagonal:
  //   q[j] = round(w[j] / s); w[j:] -= (w[j] - q[j] * s) / U[j, j] * U[j, j:]
  it("gives the codes of the published recursion, which uses the inverse", () => {
    expect(rounded(weights.map(begin))).toEqual([
      [-4, -3, 0, -3, -3, -1],
      [-1, 1, -2, -3, -2, 2],
      [-2, 2, 1, 2, -4, 2],
      [2, 0, 1, 4, -1, -2],
      [3, 3, -3, 2, 0, 0],
      [1, 3, -1, -4, -3, -2],
      [4, -1, -3, -4, -1, 2],
      [4, 1, 0, 1, -4, 3],
    ]);
  });

  it("gives a row the same codes alone as together with others", () => {
    const together = rounded(weights.map(begin));
    expect(weights.map((row) => rounded([begin(row)])[0])).toEqual(together);
  });

  it("leaves codes that are fixed and makes up for their errors", () => {
    const row = begin(weights[0]!);
    row.codes[2] = 3;
    row.fixed[2] = 1;
    const [codes] = rounded([row]);
    expect(codes?.[2]).toBe(3);
    expect(codes?.filter((_, j) => j !== 2)).not.toEqual([-4, -3, -3, -3, -1]);
  });

  it("knows a matrix that is not positive definite", () => {
    expect(ErrorCompensation.of(Float64Array.of(1, 2, 2, 1), 2)).toBeUndefined();
  });
});
