import { describe, expect, it } from "vitest";
import { countAlive, keepHighest, keepPattern, magnitudeThreshold, stageCounts, zeroBelow, zeroPattern } from "../../src/numeric/pruning.js";
import { uniform } from "./seeded.js";

const ranked = (...scores: number[]) => ({ scores: Float32Array.from(scores), alive: new Uint8Array(scores.length).fill(1) });

describe("keepHighest", () => {
  it("ranks over all layers", () => {
    const layers = [ranked(1, 5, 2), ranked(4, 3)];
    keepHighest(layers, 2);
    expect(layers.map(({ alive }) => [...alive])).toEqual([[0, 1, 0], [1, 0]]);
  });

  it("keeps the exact number and the earlier of equals", () => {
    const layer = ranked(7, 7, 7, 7);
    keepHighest([layer], 3);
    expect([...layer.alive]).toEqual([1, 1, 1, 0]);
  });

  it("does not bring back what is gone, however high its score", () => {
    const layer = { scores: Float32Array.of(9, 1, 2), alive: Uint8Array.of(0, 1, 1) };
    keepHighest([layer], 1);
    expect([...layer.alive]).toEqual([0, 0, 1]);
  });

  it("agrees with sorting, for scores from 1e-30 to 1e30", () => {
    const next = uniform(3);
    const layer = ranked(...Array.from({ length: 1000 }, () => 10 ** (60 * next() - 30)));
    const threshold = [...layer.scores].sort((a, b) => b - a)[332]!;
    keepHighest([layer], 333);
    expect([...layer.alive]).toEqual([...layer.scores].map((score) => (score >= threshold ? 1 : 0)));
  });

  it("can keep nothing, or all", () => {
    const layer = ranked(1, 2);
    keepHighest([layer], 5);
    expect(countAlive(layer.alive)).toBe(2);
    keepHighest([layer], 0);
    expect(countAlive(layer.alive)).toBe(0);
  });
});

describe("keepPattern", () => {
  it("keeps 2 of every 4 neighbours of a row", () => {
    const layer = ranked(1, 4, 3, 2, 8, 5, 6, 7);
    keepPattern(layer, 8, { n: 2, m: 4 }, 1);
    expect([...layer.alive]).toEqual([0, 1, 1, 0, 1, 0, 0, 1]);
  });

  it("runs along the channels of a convolution, not along its kernel", () => {
    const layer = ranked(1, 9, 2, 8);
    keepPattern(layer, 4, { n: 1, m: 2 }, 2);
    expect([...layer.alive]).toEqual([0, 1, 1, 0]);
  });

  it("keeps no more than n of a shorter rest", () => {
    const layer = ranked(1, 2, 3, 4, 5, 6, 7);
    keepPattern(layer, 7, { n: 2, m: 4 }, 1);
    expect([...layer.alive]).toEqual([0, 0, 1, 1, 0, 1, 1]);
  });
});

it("stages keep the same share each and end on the count asked for", () => {
  expect(stageCounts(10_000, 1, 4)).toEqual([1000, 100, 10, 1]);
  expect(stageCounts(100, 0, 2)).toEqual([10, 0]);
});

describe("magnitudeThreshold", () => {
  const kept = async (tensors: readonly Float32Array[], keep: number): Promise<number[][]> => {
    const threshold = await magnitudeThreshold(tensors, keep);
    for (const values of tensors) zeroBelow(values, threshold);
    return tensors.map((values) => [...values]);
  };

  it("leaves the largest of all tensors together, whatever their sign", async () => {
    expect(await kept([Float32Array.of(1, -5, 0), Float32Array.of(-3, 2, 4)], 3)).toEqual([[0, -5, 0], [-3, 0, 4]]);
  });

  it("gives equal magnitudes to the earlier ones, so that counts are exact", async () => {
    expect(await kept([Float32Array.of(2, -2), Float32Array.of(2, 2)], 3)).toEqual([[2, -2], [2, 0]]);
  });

  it("leaves all or nothing at the ends, and says how many there were", async () => {
    expect(await kept([Float32Array.of(1, 2)], 2)).toEqual([[1, 2]]);
    expect(await kept([Float32Array.of(1, 2)], 0)).toEqual([[0, 0]]);
    expect(zeroBelow(Float32Array.of(0, 1, 3), await magnitudeThreshold([Float32Array.of(0, 1, 3)], 1))).toEqual({ before: 2, after: 1 });
  });
});

describe("zeroPattern", () => {
  // Ties and zeros are frequent, as values are whole; blocks at the ends are shorter.
  const rows = 5;
  const matrix = (columns: number): Float32Array => {
    const next = uniform(7);
    return Float32Array.from({ length: rows * columns }, () => Math.floor(9 * next()) - 4);
  };

  it.each([[2, 4, 1, 12], [1, 4, 1, 10], [2, 4, 3, 30], [3, 16, 1, 40]])("leaves what keepPattern does with scores |w|: %i of %i, kernels of %i, %i columns", (n, m, stride, columns) => {
    const values = matrix(columns);
    const scores = values.map(Math.abs);
    const alive = Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
    const before = countAlive(alive);
    keepPattern({ scores, alive }, columns, { n, m }, stride);
    // Column-major, as the weights of a MatMul lie.
    const rowOffsets = Int32Array.from({ length: rows }, (_, row) => row);
    const columnOffsets = Int32Array.from({ length: columns }, (_, column) => column * rows);
    const stored = new Float32Array(values.length);
    values.forEach((value, i) => void (stored[Math.floor(i / columns) + (i % columns) * rows] = value));
    expect(zeroPattern(stored, { rowOffsets, columnOffsets }, { n, m }, stride)).toEqual({ before, after: countAlive(alive) });
    values.forEach((value, i) => expect(stored[Math.floor(i / columns) + (i % columns) * rows]).toBe(alive[i] === 1 ? value : 0));
  });
});
