import { expect, test } from "vitest";
import { DataType, tensorValue, type Feed } from "../../src/ir/index.js";
import { randomFeeds, type RandomFeedsOptions } from "../../src/verify/index.js";

async function first(inputs: Parameters<typeof randomFeeds>[0], options?: RandomFeedsOptions): Promise<Feed> {
  for await (const { feed } of randomFeeds(inputs, options).samples()) return feed;
  throw new Error("no samples");
}

const IMAGE = tensorValue("image", DataType.FLOAT, ["N", 3, "H", undefined]);

test("unknown dimensions are 1 for the batch and 32 elsewhere", async () => {
  const { image } = await first([IMAGE]);
  expect(image?.dims).toEqual([1, 3, 32, 32]);
  expect((image?.data as Float32Array).every((x) => x >= 0 && x < 1)).toBe(true);
});

test("sizes can be given by symbol or as a whole shape", async () => {
  expect((await first([IMAGE], { dims: { N: 2, H: 8 } })).image?.dims).toEqual([2, 3, 8, 32]);
  expect((await first([IMAGE], { dims: { image: [1, 3, 4, 4] } })).image?.dims).toEqual([1, 3, 4, 4]);
});

test("the same seed gives the same feeds, another seed others", async () => {
  expect(await first([IMAGE], { seed: 1 })).toEqual(await first([IMAGE], { seed: 1 }));
  expect(await first([IMAGE], { seed: 1 })).not.toEqual(await first([IMAGE], { seed: 2 }));
});

test("integers are 0 or 1", async () => {
  const { ids } = await first([tensorValue("ids", DataType.INT64, [1, 64])]);
  expect([...new Set(ids?.data as BigInt64Array)].sort()).toEqual([0n, 1n]);
});

test("it has a name and a number of samples", async () => {
  const dataset = randomFeeds([IMAGE], { seed: 3, samples: 2 });
  expect(dataset).toMatchObject({ name: "random inputs (seed 3)", size: 2, hasLabels: false });
  let count = 0;
  for await (const sample of dataset.samples()) count += sample.label === undefined ? 1 : 0;
  expect(count).toBe(2);
});

test("an input whose declaration is incomplete is an error", () => {
  expect(() => randomFeeds([tensorValue("x", DataType.FLOAT)])).toThrow(
    'input "x" does not declare its rank. Give its shape or data.',
  );
  expect(() => randomFeeds([tensorValue("x", DataType.STRING, [1])])).toThrow(
    'input "x" is of type string, for which no values can be generated. Give data.',
  );
  expect(() => randomFeeds([tensorValue("x", DataType.FLOAT, [100_000, 100_000])])).toThrow(
    "is too large to generate values for",
  );
});
