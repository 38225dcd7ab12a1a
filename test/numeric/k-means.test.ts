import { describe, expect, it } from "vitest";
import { kMeans1d, nearestEntry } from "../../src/numeric/k-means.js";
import { normalArray, uniform } from "../support/seeded.js";

/** The least Σ weight · (value - centroid)² over all ways to cut the sorted values into `k` runs. */
function bruteForce(values: readonly number[], weights: readonly number[], k: number): number {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const cost = (from: number, to: number): number => {
    const part = order.slice(from, to);
    const total = part.reduce((sum, i) => sum + weights[i]!, 0);
    const mean = part.reduce((sum, i) => sum + weights[i]! * values[i]!, 0) / total;
    return part.reduce((sum, i) => sum + weights[i]! * (values[i]! - mean) ** 2, 0);
  };
  const best = (from: number, runs: number): number => {
    if (runs === 1) return cost(from, order.length);
    let least = Infinity;
    for (let to = from + 1; to <= order.length - runs + 1; to++)
      least = Math.min(least, cost(from, to) + best(to, runs - 1));
    return least;
  };
  return best(0, k);
}

const lossOf = (values: readonly number[], weights: readonly number[], book: Float64Array): number =>
  values.reduce((sum, value, i) => sum + weights[i]! * (value - book[nearestEntry(book, value)]!) ** 2, 0);

describe("kMeans1d", () => {
  it("finds two clear clusters", () => {
    expect([...kMeans1d([1, 10, 2, 11, 3, 12], 2)]).toEqual([2, 11]);
  });

  it("lets weights pull the centroid", () => {
    expect([...kMeans1d([0, 1], 1, [3, 1])]).toEqual([0.25]);
  });

  it("gives the values themselves when there are no more than k", () => {
    expect([...kMeans1d([3, 1, 3], 4)]).toEqual([1, 3]);
  });

  it("leaves out values of no weight, unless none has any", () => {
    expect([...kMeans1d([1, 2, 9], 2, [1, 1, 0])]).toEqual([1, 2]);
    expect([...kMeans1d([1, 9], 2, [0, 0])]).toEqual([1, 9]);
  });

  it.each([1, 2, 3, 4, 5])("is as good as every partition tried, k = %i", (k) => {
    for (let seed = 1; seed <= 20; seed++) {
      const values = Array.from(normalArray(11, seed));
      const next = uniform(seed);
      const weights = values.map(() => next() + 0.05);
      const loss = lossOf(values, weights, kMeans1d(values, k, weights));
      expect(loss).toBeCloseTo(bruteForce(values, weights, k), 10);
    }
  });

  it("loses next to nothing to bins when values are many", () => {
    const values = Array.from({ length: 20_000 }, (_, i) => i / 20_000);
    const weights = values.map(() => 1);
    const loss = lossOf(values, weights, kMeans1d(values, 16)) / values.length;
    // Sixteen even cells of width 1/16 have variance 1/(12·16²).
    expect(loss * 12 * 256).toBeCloseTo(1, 3);
  });
});

describe("nearestEntry", () => {
  it("takes the lower of two equally near and stops at the ends", () => {
    const book = Float64Array.of(0, 1, 4);
    expect([-9, 0.5, 0.6, 2.5, 2.6, 9].map((value) => nearestEntry(book, value))).toEqual([0, 0, 1, 1, 2, 2]);
  });
});
