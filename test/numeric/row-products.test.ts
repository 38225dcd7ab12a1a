import { describe, expect, it } from "vitest";
import { multiplySymmetric } from "../support/quadratic-form.js";
import { multiplyRows } from "../../src/numeric/row-products.js";
import { normalArray } from "../support/seeded.js";

describe("multiplyRows", () => {
  it.each([
    [1, 1],
    [5, 3],
    [6, 4],
  ])("multiplies a matrix of %i with each of %i vectors", (n, count) => {
    const h = new Float64Array(n * n);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) h[i * n + j] = Math.cos(i * j + i + j);
    const vectors = Array.from({ length: count }, (_, v) => Float64Array.from(normalArray(n, v + 1)));
    const products = multiplyRows(h, n, vectors);
    expect(products).toHaveLength(count);
    products.forEach((product, v) => {
      const expected = multiplySymmetric(h, n, vectors[v]!);
      product.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 12);
      });
    });
  });
});
