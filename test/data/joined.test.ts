import { describe, expect, it } from "vitest";
import { joined } from "../../src/data/joined.js";
import { type Dataset } from "../../src/data/index.js";
import { DataType, type Feed } from "../../src/ir/index.js";
import { dataset, feed } from "../support/feed-models.js";

const PLENTY = { samples: 100, bytes: 2 ** 20 };
async function feedsOf(data: Dataset): Promise<Feed[]> {
  const feeds: Feed[] = [];
  for await (const one of data.samples()) feeds.push(one.feed);
  return feeds;
}

describe("joined", () => {
  it("is one sample: those there are, one behind the other along the first axis", async () => {
    const data = joined(dataset([feed([1, 2], [1, 2]), feed([2, 2], [3, 4, 5, 6])]), PLENTY);
    expect([data.size, data.name, data.hasLabels]).toEqual([1, "test data", false]);
    expect(await feedsOf(data)).toEqual([feed([3, 2], [1, 2, 3, 4, 5, 6])]);
  });

  it("joins every input, of any type of number", async () => {
    const both = (k: number): Feed => ({
      ids: { dataType: DataType.INT64, dims: [1, 1], data: BigInt64Array.of(BigInt(k)) },
      half: { dataType: DataType.FLOAT16, dims: [1], data: Uint16Array.of(k) },
    });
    expect(await feedsOf(joined(dataset([both(7), both(8)]), PLENTY))).toEqual([
      {
        ids: { dataType: DataType.INT64, dims: [2, 1], data: BigInt64Array.of(7n, 8n) },
        half: { dataType: DataType.FLOAT16, dims: [2], data: Uint16Array.of(7, 8) },
      },
    ]);
  });

  it("passes over samples that are not as large as the first", async () => {
    const data = joined(
      dataset([feed([1, 2], [1, 2]), feed([1, 3], [0, 0, 0]), feed([1, 2], [3, 4])]),
      PLENTY,
    );
    expect(await feedsOf(data)).toEqual([feed([2, 2], [1, 2, 3, 4])]);
  });

  it("passes over samples of another rank or type", async () => {
    const [scalar, half]: Feed[] = [
      { x: { dataType: DataType.FLOAT, dims: [], data: Float32Array.of(9) } },
      { x: { dataType: DataType.FLOAT16, dims: [1], data: Uint16Array.of(9) } },
    ];
    expect(
      await feedsOf(
        joined(dataset([feed([1], [1]), scalar!, feed([1], [2]), feed([1], [3]), half!]), PLENTY),
      ),
    ).toEqual([feed([3], [1, 2, 3])]);
  });

  it("refuses data most of which has another shape, without reading on", async () => {
    let read = 0;
    const lengths: Dataset = {
      name: "sentences",
      size: undefined,
      hasLabels: false,
      async *samples() {
        for (;;) yield { feed: feed([1, ++read], new Array<number>(read).fill(1)) };
      },
    };
    await expect(feedsOf(joined(lengths, { ...PLENTY, samples: 8 }))).rejects.toMatchObject({
      code: "BAD_DATA",
      message:
        "sentences: only 1 of the first 8 samples have the shape of the first one, which is too few for a batch",
    });
    expect(read).toBe(8);
  });

  it("takes as many samples as asked for, and as many as fit, but one at least", async () => {
    const four = dataset([1, 2, 3, 4].map((k) => feed([1], [k])));
    expect(await feedsOf(joined(four, { ...PLENTY, samples: 2 }))).toEqual([feed([2], [1, 2])]);
    expect(await feedsOf(joined(four, { ...PLENTY, bytes: 12 }))).toEqual([feed([3], [1, 2, 3])]);
    expect(await feedsOf(joined(four, { ...PLENTY, bytes: 1 }))).toEqual([feed([1], [1])]);
  });

  it("is no sample where there is none", async () => {
    expect(await feedsOf(joined(dataset([]), PLENTY))).toEqual([]);
  });

  it.each<[string, Feed]>([
    ["a scalar", { x: { dataType: DataType.FLOAT, dims: [], data: Float32Array.of(1) } }],
    ["text", { x: { dataType: DataType.STRING, dims: [1], data: ["a"] } }],
  ])("refuses %s by the name of the input", async (what, one) => {
    await expect(feedsOf(joined(dataset([one, one]), PLENTY))).rejects.toMatchObject({
      code: "BAD_DATA",
      message: `test data: input "x": ${what} cannot be joined to a batch`,
    });
  });
});
