import { describe, expect, it } from "vitest";
import {
  type ClusterProblem,
  type MatrixEngine,
  measuredInputs,
  PLAIN_ENGINE,
} from "../../src/solver/index.js";
import { clusterRows } from "../../src/solver/cluster-rows.js";
import { layerOf, lossOf } from "./rows.js";

const problemOf = (rows: number, columns: number, more: Partial<ClusterProblem> = {}): ClusterProblem => ({
  ...layerOf(rows, columns, 31),
  importance: new Float64Array(rows).fill(1),
  fixed: undefined,
  integers: false,
  partners: undefined,
  k: 8,
  byRow: false,
  ...more,
});

const copyOf = (problem: ClusterProblem): ClusterProblem => ({
  ...problem,
  weights: problem.weights.slice(),
});

/** One row on given inputs. */
const rowOf = (weights: number[], h: number[], more: Partial<ClusterProblem>): ClusterProblem => ({
  ...problemOf(1, weights.length),
  weights: Float32Array.from(weights),
  inputs: [measuredInputs(weights.length, Float64Array.from(h), new Float64Array(weights.length))],
  system: { ridge: 1e-9, centred: false },
  ...more,
});

describe("clusterRows", () => {
  it("gives at most k values, of all rows or of each", async () => {
    const together = await clusterRows(PLAIN_ENGINE, problemOf(6, 50));
    expect(new Set(together.values).size).toBeLessThanOrEqual(8);
    const { values } = await clusterRows(PLAIN_ENGINE, problemOf(6, 50, { byRow: true, k: 3 }));
    for (let row = 0; row < 6; row++)
      expect(new Set(values.slice(row * 50, row * 50 + 50)).size).toBeLessThanOrEqual(3);
  });

  it("solves Aᵀ H A c = Aᵀ H w: one entry for w = (1, 3), H = [2 1; 1 4] is 18 / 8", async () => {
    const { values } = await clusterRows(PLAIN_ENGINE, rowOf([1, 3], [2, 1, 1, 4], { k: 1 }));
    expect([...values]).toEqual([expect.closeTo(18 / 8, 3), expect.closeTo(18 / 8, 3)]);
  });

  it("loses a good deal less than the nearest values do", async () => {
    const problem = problemOf(16, 200);
    const nearest = await clusterRows(PLAIN_ENGINE, { ...copyOf(problem), inputs: [undefined] });
    const fitted = await clusterRows(PLAIN_ENGINE, copyOf(problem));
    expect([nearest.isFitted, fitted.isFitted]).toEqual([false, true]);
    expect(lossOf(problem, fitted.values)).toBeLessThan(0.25 * lossOf(problem, nearest.values));
  });

  it("ends where no single weight does better with another entry", async () => {
    const problem = problemOf(3, 24, { k: 4 });
    const { values } = await clusterRows(PLAIN_ENGINE, copyOf(problem));
    const least = lossOf(problem, values);
    const book = new Set(values);
    for (let at = 0; at < values.length; at++) {
      for (const entry of book) {
        const other = values.slice();
        other[at] = entry;
        expect(lossOf(problem, other)).toBeGreaterThan(least * (1 - 1e-4));
      }
    }
  });

  it("keeps fixed values where they stand, and counts them in", async () => {
    const problem = problemOf(4, 60, { fixed: 0, k: 5 });
    problem.weights.forEach((_, i) => i % 2 === 0 && (problem.weights[i] = 0));
    const { values } = await clusterRows(PLAIN_ENGINE, copyOf(problem));
    values.forEach((value, i) => i % 2 === 0 && expect(value).toBe(0));
    expect(new Set(values).size).toBeLessThanOrEqual(5);
  });

  it("keeps the sum of partners of one sign within 128", async () => {
    const integers = problemOf(8, 64, { integers: true, k: 16, inputs: [undefined] });
    integers.weights.forEach(
      (value, i) => (integers.weights[i] = Math.max(-127, Math.min(127, Math.round(60 * value)))),
    );
    const partners = Int32Array.from({ length: 64 }, (_, j) => j ^ 1);
    const { values } = await clusterRows(PLAIN_ENGINE, { ...integers, partners });
    for (let at = 0; at < values.length; at += 2) {
      const [a, b] = [values[at]!, values[at + 1]!];
      if (a * b > 0) expect(Math.abs(a + b)).toBeLessThanOrEqual(128);
      expect([Number.isInteger(a), Number.isInteger(b)]).toEqual([true, true]);
    }
  });

  it("takes what it has when the time is up, and says so", async () => {
    const problem = problemOf(6, 50);
    const late = await clusterRows(PLAIN_ENGINE, { ...copyOf(problem), deadline: 0 });
    const inTime = await clusterRows(PLAIN_ENGINE, copyOf(problem));
    expect([late.isCutShort, inTime.isCutShort]).toEqual([true, false]);
    expect(new Set(late.values).size).toBeLessThanOrEqual(8);
    expect(lossOf(problem, inTime.values)).toBeLessThan(lossOf(problem, late.values));
  });

  it("costs the same number of products at any width: no cliff", async () => {
    const productsAt = async (n: number): Promise<number> => {
      let count = 0;
      const engine: MatrixEngine = {
        multiply(a, b, transposed) {
          count += a.rows * a.columns * (transposed ? b.rows : b.columns);
          return PLAIN_ENGINE.multiply(a, b, transposed);
        },
        gram: (a) => PLAIN_ENGINE.gram(a),
      };
      const { isFitted } = await clusterRows(engine, problemOf(32, n, { k: 16 }));
      expect(isFitted).toBe(true);
      return count / (32 * n * n);
    };
    const [narrow, wide] = [await productsAt(192), await productsAt(576)];
    expect(wide).toBeLessThan(36);
    expect(narrow).toBeLessThan(36);
  });
});
