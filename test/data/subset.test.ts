import { expect, it } from "vitest";
import { splitHoldOut, take, type Dataset } from "../../src/data/index.js";
import { DataType } from "../../src/ir/index.js";

function counting(size: number | undefined, length = size ?? 0): Dataset {
  return {
    name: "counting",
    size,
    hasLabels: true,
    async *samples() {
      for (let i = 0; i < length; i++)
        yield { feed: { x: { dataType: DataType.FLOAT, dims: [1], data: Float32Array.of(i) } }, label: i };
    },
  };
}

async function labels(dataset: Dataset): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const sample of dataset.samples()) found.push(sample.label);
  return found;
}

it("splits evenly, completely and the same way each time", async () => {
  const { rest, heldOut } = splitHoldOut(counting(8), 0.25, 0);
  const parts = [await labels(rest), await labels(heldOut)];
  expect([rest.size, heldOut.size]).toEqual([6, 2]);
  expect([...parts[0]!, ...parts[1]!].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(await labels(splitHoldOut(counting(8), 0.25, 0).heldOut)).toEqual(parts[1]);
});

it("never leaves a part empty", () => {
  expect(splitHoldOut(counting(2), 0.01, 3).heldOut.size).toBe(1);
  expect(splitHoldOut(counting(2), 0.99, 3).rest.size).toBe(1);
  expect(() => splitHoldOut(counting(1), 0.5, 0)).toThrow(/Two are needed/);
});

it("holds the exact share for every size and seed", () => {
  for (let size = 2; size < 60; size++)
    for (let seed = 0; seed < 5; seed++) {
      expect(splitHoldOut(counting(size), 0.3, seed).heldOut.size).toBe(Math.max(1, Math.round(size * 0.3)));
    }
});

it("splits a stream of unknown length", async () => {
  const { rest, heldOut } = splitHoldOut(counting(undefined, 100), 0.2, 1);
  expect([rest.size, (await labels(rest)).length, (await labels(heldOut)).length]).toEqual([
    undefined,
    80,
    20,
  ]);
});

it("takes the first samples and no more", async () => {
  expect(await labels(take(counting(undefined, 9), 2))).toEqual([0, 1]);
  expect(() => take(counting(9), 0)).toThrow(/positive integer/);
});
