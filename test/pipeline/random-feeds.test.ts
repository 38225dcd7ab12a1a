import { describe, expect, it } from "vitest";
import { DataType, tensorValue, type Feed } from "../../src/ir/index.js";
import { randomDataset } from "../../src/pipeline/random-feeds.js";

async function firstFeed(seed: number): Promise<Feed> {
  const dataset = randomDataset([tensorValue("x", DataType.FLOAT, ["N", 3]), tensorValue("ids", DataType.INT64, ["N", "length"])], seed);
  if (typeof dataset === "string") throw new Error(dataset);
  for await (const { feed } of dataset.samples()) return feed;
  throw new Error("no samples");
}

describe("randomDataset", () => {
  it("makes a batch of one, lengths of 16, floats in [0, 1) and integers 0 or 1", async () => {
    const { x, ids } = await firstFeed(0);
    expect([x?.dims, ids?.dims]).toEqual([[1, 3], [1, 16]]);
    expect([...(x?.data as Float32Array)].every((value) => value >= 0 && value < 1)).toBe(true);
    expect([...(ids?.data as BigInt64Array)].every((value) => value === 0n || value === 1n)).toBe(true);
  });

  it("repeats by seed", async () => {
    expect(await firstFeed(7)).toEqual(await firstFeed(7));
    expect(await firstFeed(7)).not.toEqual(await firstFeed(8));
  });

  it("says why it cannot make an input up", () => {
    expect(randomDataset([tensorValue("text", DataType.STRING, [1])], 0)).toBe('input "text" is of type string, which is not made up');
    expect(randomDataset([tensorValue("x", DataType.FLOAT)], 0)).toBe('input "x" does not declare its rank');
    expect(randomDataset([tensorValue("x", DataType.FLOAT, [2 ** 20, 2 ** 20])], 0)).toBe('input "x" is too large to be made up');
  });
});
