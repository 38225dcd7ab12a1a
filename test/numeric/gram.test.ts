import { describe, expect, it } from "vitest";
import { defaultMaxRows, GramAccumulator, RowSampler, rowsInPlaceOfMatrix } from "../../src/numeric/gram.js";
import type { GramProduct } from "../../src/numeric/lower-triangle.js";
import { rowSource } from "../../src/numeric/im2col.js";
import type { RowLayout } from "../../src/numeric/statistics.js";
import { normalArray } from "../support/seeded.js";

/** Part of Xᵀ X by the definition. */
const plainProduct: GramProduct = (rows, count, size, [from, to]) => {
  const product = new Float32Array((to - from) * to);
  for (let at = 0; at < count * size; at += size) {
    for (let i = from; i < to; i++)
      for (let j = 0; j < to; j++) product[(i - from) * to + j]! += rows[at + i]! * rows[at + j]!;
  }
  return Promise.resolve(product);
};

function gatherAll(
  layout: RowLayout,
  dims: number[],
  values: Float32Array,
): { rows: Float32Array; count: number; size: number; groups: number } {
  const source = rowSource(layout, dims);
  if (!source) throw new Error("no rows");
  const rows = new Float32Array(source.groups * source.rows * source.size);
  source.gather(
    values,
    Array.from({ length: source.rows }, (_, i) => i),
    rows,
    0,
    source.rows,
  );
  return { rows, count: source.rows, size: source.size, groups: source.groups };
}

const convolution = (
  kernel: number[],
  changes: Partial<Extract<RowLayout, { type: "convolution" }>> = {},
): RowLayout => ({
  type: "convolution",
  kernel,
  strides: kernel.map(() => 1),
  dilations: kernel.map(() => 1),
  pads: kernel.flatMap(() => [0, 0]),
  groups: 1,
  ...changes,
});

describe("rowSource", () => {
  it("takes rows along the last axis", () => {
    const { rows, count, size } = gatherAll(
      { type: "lastAxis" },
      [2, 1, 3],
      Float32Array.of(1, 2, 3, 4, 5, 6),
    );
    expect([count, size, [...rows]]).toEqual([2, 3, [1, 2, 3, 4, 5, 6]]);
  });

  it("takes the windows of a convolution, channel outermost, zeros in the padding", () => {
    // One image of two channels, [[1, 2, 3]] and [[4, 5, 6]]; kernel 1 x 2, one column of padding on the
    // left.
    const { rows, size } = gatherAll(
      convolution([1, 2], { pads: [0, 1, 0, 0] }),
      [1, 2, 1, 3],
      Float32Array.of(1, 2, 3, 4, 5, 6),
    );
    expect(size).toBe(4);
    expect([...rows]).toEqual([0, 1, 0, 4, 1, 2, 4, 5, 2, 3, 5, 6]);
  });

  it.each([
    ["padding", [1, 1, 5, 4], convolution([3, 3], { pads: [1, 1, 1, 1] })],
    ["uneven padding and stride", [2, 3, 7, 6], convolution([3, 2], { pads: [2, 0, 1, 1], strides: [2, 3] })],
    ["dilation", [1, 2, 9, 8], convolution([3, 3], { dilations: [2, 3], pads: [0, 1, 0, 1] })],
    ["groups", [2, 6, 4, 4], convolution([2, 2], { groups: 3 })],
    ["depthwise", [1, 4, 5, 5], convolution([3, 3], { groups: 4, pads: [1, 1, 1, 1], strides: [2, 2] })],
    ["one axis", [2, 3, 8], convolution([3], { pads: [1, 1] })],
    ["three axes", [1, 2, 3, 4, 5], convolution([2, 2, 3], { pads: [0, 1, 1, 0, 0, 1] })],
  ])("agrees with the definition of a convolution: %s", (_, dims, layout) => {
    const values = normalArray(
      dims.reduce((a, b) => a * b, 1),
      1,
    );
    const { rows, count, size, groups } = gatherAll(layout, dims, values);
    expect([...rows]).toEqual(naiveRows(layout, dims, values));
    expect(rows.length).toBe(groups * count * size);
  });

  it("has no rows for another rank or an indivisible number of channels", () => {
    expect(rowSource(convolution([3, 3]), [1, 3, 8])).toBeUndefined();
    expect(rowSource(convolution([1, 1], { groups: 2 }), [1, 3, 8, 8])).toBeUndefined();
    expect(rowSource({ type: "lastAxis" }, [])).toBeUndefined();
  });
});

describe("RowSampler", () => {
  it("takes every row when they are few", () => {
    const sampler = new RowSampler(100, 2);
    expect([sampler.next(3), sampler.next(4)]).toEqual([
      [0, 1, 2],
      [0, 1, 2, 3],
    ]);
  });

  it("spreads rows evenly and makes up for short samples", () => {
    const sampler = new RowSampler(40, 4);
    const taken = [sampler.next(2), sampler.next(1000), sampler.next(1000), sampler.next(1000)];
    expect(taken.map((rows) => rows.length)).toEqual([2, 18, 10, 10]);
    const gaps = taken[3]!.slice(1).map((row, i) => row - taken[3]![i]!);
    expect(new Set(gaps)).toEqual(new Set([100]));
  });

  it("asks for at least four rows a feature by default", () => {
    expect([defaultMaxRows(9), defaultMaxRows(4608)]).toEqual([16_384, 18_432]);
  });
});

describe("GramAccumulator", () => {
  it.each([
    [3, 1],
    [3, 2],
    [60, 1],
    [60, 3],
    // The product is made in four parts, and in eight, which are added up in single precision.
    [259, 2],
    [1030, 1],
  ])("agrees with the definition for %i features in %i groups", async (size, groups) => {
    const count = size > 1000 ? 12 : 500;
    const gram = new GramAccumulator(size, groups, plainProduct);
    const data = normalArray(count * size * groups, size);
    for (let row = 0; row < count; row++) {
      for (let g = 0; g < groups; g++) {
        const from = (g * count + row) * size;
        gram.block.set(data.subarray(from, from + size), (g * gram.capacity + gram.used) * size);
      }
      await gram.commit(1);
    }
    const result = await gram.result();
    expect([result?.size, result?.rows, result?.matrices.length]).toEqual([size, count, groups]);
    for (let g = 0; g < groups; g++) {
      const exact = (
        await plainProduct(data.subarray(g * count * size, (g + 1) * count * size), count, size, [0, size])
      ).map((v) => v / count);
      result?.matrices[g]?.forEach((value, i) => {
        if (Math.abs(value - exact[i]!) > 1e-5) throw new Error(`entry ${i}: ${value} and ${exact[i]}`);
      });
      const mean =
        Array.from({ length: count }, (_, row) => data[(g * count + row) * size]!).reduce(
          (a, b) => a + b,
          0,
        ) / count;
      expect(result?.means[g]?.[0]).toBeCloseTo(mean, 10);
    }
  });

  it("leaves few rows as they are, where that is allowed", async () => {
    expect([rowsInPlaceOfMatrix(100, 50), rowsInPlaceOfMatrix(100, 51)]).toEqual([50, undefined]);
    const gram = new GramAccumulator(100, 2, plainProduct, 3);
    gram.block.forEach((_, i) => (gram.block[i] = i % 7));
    await gram.makeRoom();
    await gram.commit(2);
    const { matrices, samples, rows, means } = (await gram.result())!;
    expect([matrices, rows, samples?.map(({ length }) => length)]).toEqual([[], 2, [200, 200]]);
    // Group 1 begins after the three rows of group 0.
    expect(samples?.[1]?.[0]).toBe(300 % 7);
    expect(means[1]?.[0]).toBe(((300 % 7) + (400 % 7)) / 2);
  });

  it("takes the matrix when more rows come than were expected", async () => {
    const gram = new GramAccumulator(60, 1, plainProduct, 2);
    for (const value of [1, 2, 3]) {
      await gram.makeRoom();
      gram.block.fill(value, gram.used * 60, (gram.used + 1) * 60);
      await gram.commit(1);
    }
    const { matrices, samples, rows } = (await gram.result())!;
    expect([rows, samples]).toEqual([3, undefined]);
    expect(matrices[0]?.[59]).toBeCloseTo((1 + 4 + 9) / 3, 12);
  });

  it("has no result without rows", async () => {
    expect(await new GramAccumulator(3, 1, plainProduct).result()).toBeUndefined();
  });
});

/**
 * Row by row from the formula: y[n, o] reads x[n, c, o * stride - pad + k * dilation]. Grouped rows follow
 * each other.
 */
function naiveRows(layout: RowLayout, dims: number[], values: Float32Array): number[] {
  if (layout.type !== "convolution") throw new Error("not a convolution");
  const [batch, channels, ...spatial] = dims as [number, number, ...number[]];
  const rank = spatial.length;
  const outputs = spatial.map((n, a) => {
    const reach = layout.dilations[a]! * (layout.kernel[a]! - 1) + 1;
    return Math.floor((n + layout.pads[a]! + layout.pads[a + rank]! - reach) / layout.strides[a]!) + 1;
  });
  const perGroup = channels / layout.groups;
  const rows: number[] = [];
  for (let g = 0; g < layout.groups; g++)
    for (let n = 0; n < batch; n++)
      for (const o of grid(outputs)) {
        for (let c = g * perGroup; c < (g + 1) * perGroup; c++)
          for (const k of grid(layout.kernel)) {
            const at = o.map(
              (p, a) => p * layout.strides[a]! - layout.pads[a]! + k[a]! * layout.dilations[a]!,
            );
            const inside = at.every((p, a) => p >= 0 && p < spatial[a]!);
            rows.push(
              inside ? values[at.reduce((flat, p, a) => flat * spatial[a]! + p, n * channels + c)]! : 0,
            );
          }
      }
  return rows;
}

function grid(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (points, size) => points.flatMap((point) => Array.from({ length: size }, (_, i) => [...point, i])),
    [[]],
  );
}
