/** Inputs that are fewer than half of their features stay rows: what solvers make of them is the same. */
import { describe, expect, it } from "vitest";
import { normalArray } from "../support/seeded.js";
import { clusterRows } from "../../src/solver/cluster-rows.js";
import {
  type MatrixEngine,
  type MeasuredRows,
  measuredInputs,
  PLAIN_ENGINE,
  type SampledInputs,
  sampledInputs,
} from "../../src/solver/index.js";
import { refitRows } from "../../src/solver/refit-rows.js";
import { scoreRows } from "../../src/solver/score-rows.js";
import { systemFrom } from "../../src/solver/system.js";
import { aliveOf, bestRow, lossOf } from "./rows.js";

/** The same inputs as moments and as rows. */
function layers(
  {
    rows,
    columns,
    count,
    centred = false,
  }: { rows: number; columns: number; count: number; centred?: boolean },
  seed: number,
): { byMoments: MeasuredRows; byRows: MeasuredRows } {
  const x = normalArray(count * columns, seed, 3).map((value, i) => value + (i % columns) / columns);
  const matrix = new Float64Array(columns ** 2);
  const mean = new Float64Array(columns);
  for (let at = 0; at < x.length; at += columns)
    for (let i = 0; i < columns; i++) {
      mean[i]! += x[at + i]! / count;
      for (let j = 0; j < columns; j++) matrix[i * columns + j]! += (x[at + i]! * x[at + j]!) / count;
    }
  const layer = { weights: normalArray(rows * columns, seed + 1), rows, columns };
  const system = { ridge: 0.01, centred };
  return {
    byMoments: { ...layer, system, inputs: [measuredInputs(columns, matrix, mean, count)] },
    byRows: { ...layer, system, inputs: [sampledInputs(columns, x, mean)] },
  };
}

const farthest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value / b[i]! - 1)), 0);

describe("few inputs as rows", () => {
  it("are worth H = [2 + λ, 1; 1, 1 + λ] for the rows (√2, √2) and (√2, 0), λ being a hundredth of 1.5", async () => {
    const rows = Float32Array.of(Math.SQRT2, Math.SQRT2, Math.SQRT2, 0);
    const inputs = sampledInputs(2, rows, new Float64Array(2))!;
    const h = systemFrom(PLAIN_ENGINE, inputs, { ridge: 0.01, centred: false })!;
    const image = await h.times({ rows: 1, columns: 2, data: Float32Array.of(1, -2) });
    const scaled = [...image].map((value) => value * inputs.unit ** 2);
    expect(scaled).toEqual([expect.closeTo(2 + 0.015 - 2, 5), expect.closeTo(1 - 2 - 0.03, 5)]);
  });

  it.each([false, true])("give the losses that their moments give, about the mean: %s", async (centred) => {
    const { byMoments, byRows } = layers({ rows: 3, columns: 90, count: 30, centred }, 3);
    const [a, b] = [await scoreRows(PLAIN_ENGINE, byMoments), await scoreRows(PLAIN_ENGINE, byRows)];
    expect(farthest(b.scores, a.scores)).toBeLessThan(1e-3);
    expect(b.norm / a.norm).toBeCloseTo(1, 4);
  });

  it("refit what is left as well as their moments do", async () => {
    const { byMoments, byRows } = layers({ rows: 6, columns: 400, count: 150 }, 5);
    const alive = aliveOf(2400, 0.5, 6);
    const [a, b] = [
      await refitRows(PLAIN_ENGINE, byMoments, alive),
      await refitRows(PLAIN_ENGINE, byRows, alive),
    ];
    const removed = byMoments.weights.map((weight, i) => alive[i]! * weight);
    const [before, ofMoments, ofRows] = [removed, a.weights, b.weights].map((each) =>
      lossOf(byMoments, each),
    );
    expect(ofRows! / ofMoments!).toBeCloseTo(1, 2);
    expect(ofRows! / before!).toBeLessThan(0.5);
    const { mean, unit } = byRows.inputs[0] as SampledInputs;
    const shift = mean.reduce((sum, own, j) => sum + own * unit * (byRows.weights[j]! - b.weights[j]!), 0);
    expect(b.meanShift[0]).toBeCloseTo(shift, 4);
  });

  it("are solved exactly for narrow rows", async () => {
    const { byMoments, byRows } = layers({ rows: 2, columns: 60, count: 25 }, 8);
    const alive = aliveOf(120, 0.5, 9);
    const { weights } = await refitRows(PLAIN_ENGINE, byRows, alive);
    for (let row = 0; row < 2; row++)
      bestRow(byMoments, alive, row).forEach((value, j) =>
        expect(weights[row * 60 + j]).toBeCloseTo(value, 3),
      );
  });

  it("lead to the same codes", async () => {
    const { byMoments, byRows } = layers({ rows: 4, columns: 80, count: 40 }, 11);
    const more = { importance: new Float64Array(4).fill(1), fixed: undefined, integers: false };
    const rest = { ...more, partners: undefined, k: 8, byRow: false };
    const lossBy = async (layer: MeasuredRows): Promise<number> =>
      lossOf(
        byMoments,
        (await clusterRows(PLAIN_ENGINE, { ...layer, ...rest, weights: layer.weights.slice() })).values,
      );
    expect((await lossBy(byRows)) / (await lossBy(byMoments))).toBeCloseTo(1, 2);
  });

  it("cost products in proportion to their number when codes are chosen", async () => {
    const productsOf = async (count: number): Promise<number> => {
      let products = 0;
      const engine: MatrixEngine = {
        multiply(a, b, transposed) {
          products += a.rows * a.columns * (transposed ? b.rows : b.columns);
          return PLAIN_ENGINE.multiply(a, b, transposed);
        },
        gram(a) {
          products += a.rows * a.columns ** 2;
          return PLAIN_ENGINE.gram(a);
        },
      };
      const { byRows } = layers({ rows: 200, columns: 640, count }, 15);
      const more = { importance: new Float64Array(200).fill(1), fixed: undefined, integers: false };
      await clusterRows(engine, { ...byRows, ...more, partners: undefined, k: 8, byRow: false });
      return products / (640 * (200 * count + count ** 2));
    };
    expect(await productsOf(16)).toBeLessThan(25);
    expect(await productsOf(64)).toBeLessThan(25);
  });
});

describe("scores of many rows", () => {
  it("rest on the output of some of them, for the size of all", async () => {
    const { byMoments } = layers({ rows: 1200, columns: 12, count: 50 }, 13);
    for (let i = 0; i < 12; i++) byMoments.weights[7 * 12 + i]! *= 40;
    const { norm } = await scoreRows(PLAIN_ENGINE, byMoments);
    const energy = lossOf(byMoments, new Float32Array(1200 * 12));
    expect((norm * Math.sqrt(1200 * 12)) / energy).toBeGreaterThan(0.7);
    expect((norm * Math.sqrt(1200 * 12)) / energy).toBeLessThan(1.4);
  });
});
