import { describe, expect, it } from "vitest";
import { measuredInputs, type MatrixEngine, PLAIN_ENGINE } from "../../src/solver/index.js";
import { measureRows } from "../../src/solver/measure-rows.js";
import { refitRows } from "../../src/solver/refit-rows.js";
import { scoreRows } from "../../src/solver/score-rows.js";
import { sampled } from "../support/thorough.js";
import { aliveOf, bestRow, layerOf, lossOf, systemAt } from "./rows.js";

const h = (values: number[], mean = [0, 0]) =>
  measuredInputs(2, Float64Array.from(values), Float64Array.from(mean));

/** Counts what is asked of an engine. */
function counting(): MatrixEngine & { multiplications: number } {
  return {
    multiplications: 0,
    multiply(a, b, transposed) {
      this.multiplications += a.rows * a.columns * (transposed ? b.rows : b.columns);
      return PLAIN_ENGINE.multiply(a, b, transposed);
    },
    gram: (a) => PLAIN_ENGINE.gram(a),
  };
}

describe("refitRows", () => {
  it("refits the weight that stays: (2·1 + 1·1) / 2 for w = (1, 1)", async () => {
    const layer = { weights: Float32Array.of(1, 1), rows: 1, columns: 2, inputs: [h([2, 1, 1, 2], [3, 5])] };
    const system = { ridge: 1e-9, centred: false };
    const { weights, meanShift } = await refitRows(PLAIN_ENGINE, { ...layer, system }, Uint8Array.of(1, 0));
    expect(weights[0]).toBeCloseTo(1.5, 6);
    expect(weights[1]).toBe(0);
    // (w - ŵ) μ = -0.5 · 3 + 1 · 5
    expect(meanShift[0]).toBeCloseTo(3.5, 5);
  });

  it("takes only deviations from the mean for what counts where a bias takes up the mean", async () => {
    // Covariances of [2 1; 1 2] + μ μᵀ.
    const inputs = [h([11, 16, 16, 27], [3, 5])];
    const layer = { weights: Float32Array.of(1, 1), rows: 1, columns: 2, inputs };
    const system = { ridge: 1e-9, centred: true };
    const { weights } = await refitRows(PLAIN_ENGINE, { ...layer, system }, Uint8Array.of(1, 0));
    expect(weights[0]).toBeCloseTo(1.5, 3);
  });

  it.each(sampled([0.5, 0.2, 0.9], 3))(
    "comes within 3 %% of the least loss of wide rows, share left %f",
    async (share) => {
      const layer = layerOf(12, 400, 7, { groups: 2 });
      const alive = aliveOf(layer.weights.length, share, 9);
      const { weights } = await refitRows(PLAIN_ENGINE, layer, alive);
      const best = new Float64Array(weights.length);
      for (let row = 0; row < layer.rows; row++) best.set(bestRow(layer, alive, row), row * layer.columns);
      const ratio = lossOf(layer, weights) / lossOf(layer, best);
      expect(ratio).toBeGreaterThan(0.999);
      expect(ratio).toBeLessThan(1.03);
      weights.forEach((weight, i) => alive[i] === 0 && expect(weight).toBe(0));
    },
  );

  it("is exact for narrow rows", async () => {
    const layer = layerOf(6, 40, 3);
    const alive = aliveOf(layer.weights.length, 0.5, 4);
    const { weights } = await refitRows(PLAIN_ENGINE, layer, alive);
    for (let row = 0; row < 6; row++)
      bestRow(layer, alive, row).forEach((value, j) => expect(weights[row * 40 + j]).toBeCloseTo(value, 5));
  });

  it.each([1e-25, 1e25])("does the same in weights times %f", async (scale) => {
    const [layer, scaled] = [layerOf(4, 360, 5), layerOf(4, 360, 5, { scale })];
    const alive = aliveOf(layer.weights.length, 0.5, 6);
    const [a, b] = await Promise.all([layer, scaled].map((each) => refitRows(PLAIN_ENGINE, each, alive)));
    a!.weights.forEach((weight, i) => expect(b!.weights[i]! / scale).toBeCloseTo(weight, 3));
  });

  it("leaves rows that nothing was taken from, and those without any weight left", async () => {
    const layer = layerOf(3, 400, 8);
    const alive = new Uint8Array(1200).fill(1);
    alive.fill(0, 400, 800);
    const { weights } = await refitRows(PLAIN_ENGINE, layer, alive);
    expect(weights.slice(0, 400)).toEqual(layer.weights.slice(0, 400));
    expect(weights.slice(400, 800)).toEqual(new Float32Array(400));
  });

  it("takes no more than some fifteen products with H, whatever the number of rows", async () => {
    const engine = counting();
    const layer = layerOf(64, 384, 2);
    await refitRows(engine, layer, aliveOf(layer.weights.length, 0.5, 3));
    const product = 64 * 384 ** 2;
    expect(engine.multiplications).toBeLessThan(22 * product);
  });
});

describe("scoreRows", () => {
  it("foretells the loss of each removal, which is that of the refit", async () => {
    const layer = layerOf(2, 30, 11);
    const { scores, norm } = await scoreRows(PLAIN_ENGINE, layer);
    for (const at of [0, 17, 42]) {
      const alive = new Uint8Array(60).fill(1);
      alive[at] = 0;
      const fitted = Float64Array.from(layer.weights);
      const row = Math.floor(at / 30);
      fitted.set(bestRow(layer, alive, row), row * 30);
      expect((scores[at]! * norm) / lossOf(layer, fitted)).toBeCloseTo(1, 5);
    }
  });

  it("divides by what the layer puts out over the root of the number of its weights", async () => {
    const layer = layerOf(3, 20, 12, { groups: 3 });
    const { norm } = await scoreRows(PLAIN_ENGINE, layer);
    expect(norm / (lossOf(layer, new Float32Array(60)) / Math.sqrt(60))).toBeCloseTo(1, 5);
  });

  it("scores by the square where nothing was measured", async () => {
    const layer = { ...layerOf(1, 2, 1), weights: Float32Array.of(3, -1), inputs: [undefined] };
    const { scores, norm } = await scoreRows(PLAIN_ENGINE, layer);
    expect([...scores].map((score) => score * norm)).toEqual([expect.closeTo(9, 4), expect.closeTo(1, 4)]);
  });
});

describe("measureRows", () => {
  it("says what each weight that is left costs next", async () => {
    const layer = layerOf(2, 12, 21);
    const alive = aliveOf(24, 0.6, 22);
    const before = { fitted: layer.weights.slice(), scores: new Float32Array(24) };
    const { fitted, scores } = await measureRows(PLAIN_ENGINE, layer, before, alive, 1);
    const at = alive.indexOf(1);
    expect(fitted[at]).toBeCloseTo(bestRow(layer, alive, 0)[at]!, 5);
    const lossAfter = (mask: Uint8Array): number =>
      lossOf({ ...layer, weights: layer.weights.slice(0, 12), rows: 1 }, bestRow(layer, mask, 0));
    const without = alive.slice();
    without[at] = 0;
    expect(scores[at]! / (lossAfter(without) - lossAfter(alive))).toBeCloseTo(1, 4);
    expect(systemAt(layer, 0)).toHaveLength(144);
  });
});
