import { describe, expect, it } from "vitest";
import { cholesky, inverseDiagonal, invertLower, solveFactored } from "../../src/numeric/linear-algebra.js";
import { normalArray } from "../support/seeded.js";
import { multiplySymmetric, quadraticForm } from "../support/quadratic-form.js";

/** A Aᵀ + n·I of normal values: symmetric positive definite. */
function positiveDefinite(n: number): Float64Array {
  const b = normalArray(n * n, n);
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      a[i * n + j] = i === j ? n : 0;
      for (let k = 0; k < n; k++) a[i * n + j]! += b[i * n + k]! * b[j * n + k]!;
    }
  }
  return a;
}

const unit = (n: number, at: number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => (i === at ? 1 : 0));

describe("cholesky", () => {
  it("factors a 2 × 2 matrix as by hand, over the lower triangle", () => {
    const a = Float64Array.of(4, 2, 2, 3);
    expect(cholesky(a, 2)).toBe(true);
    expect([...a]).toEqual([2, 2, 1, Math.sqrt(2)]);
  });

  it("says no to a matrix that is not positive definite, and to NaN", () => {
    expect(cholesky(Float64Array.of(1, 2, 2, 1), 2)).toBe(false);
    expect(cholesky(Float64Array.of(NaN), 1)).toBe(false);
  });

  it.each([1, 2, 3, 4, 5, 8, 9, 13, 30])(
    "solves systems of %i equations, whatever is left over of the blocks",
    (n) => {
      const a = positiveDefinite(n);
      const b = Float64Array.from(normalArray(n, 7));
      const factor = a.slice();
      cholesky(factor, n);
      const x = b.slice();
      solveFactored(factor, n, x);
      multiplySymmetric(a, n, x).forEach((value, i) => expect(value).toBeCloseTo(b[i]!, 10));
    },
  );
});

describe("the inverse of a factor", () => {
  it("is that of a 2 × 2 triangle", () => {
    const l = Float64Array.of(2, 99, 1, 4);
    invertLower(l, 2);
    expect([...l]).toEqual([0.5, 99, -0.125, 0.25]);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 30])("gives the diagonal of the inverse of %i × %i", (n) => {
    const factor = positiveDefinite(n);
    cholesky(factor, n);
    const columns = Array.from({ length: n }, (_, i) => {
      const x = unit(n, i);
      solveFactored(factor, n, x);
      return x[i]!;
    });
    inverseDiagonal(factor.slice(), n).forEach((value, i) => expect(value).toBeCloseTo(columns[i]!, 12));
  });
});

it("xᵀ A x is that of the closed form", () => {
  expect(quadraticForm(Float64Array.of(2, 1, 1, 2), 2, [1, -1])).toBe(2);
});
