import { afterAll, expect, it } from "vitest";
import { CalibrationProcess } from "../../src/calibration/process.js";
import type { Dataset } from "../../src/data/index.js";
import { floatTensor, makeNode, type Model } from "../../src/ir/index.js";
import { CachedActivations } from "../../src/run/cached-activations.js";
import { dataset, feed, model } from "../support/feed-models.js";

const PROCESS = new CalibrationProcess();
afterAll(() => PROCESS.close());

/** h = factor · x, y = h + h. */
const scaled = (factor: number): Model =>
  model(
    ["n"],
    [makeNode("Mul", ["x", "a"], ["h"]), makeNode("Add", ["h", "h"], ["y"])],
    [floatTensor("a", [], Float32Array.of(factor))],
  );

/** Samples (1, 2), 3 and 4, and how often they were read from the first on. */
function counted(): { data: Dataset; reads: () => number } {
  const [data, seen] = [dataset([feed([2], [1, 2]), feed([1], [3]), feed([1], [4])]), { reads: 0 }];
  return { data: { ...data, samples: () => (seen.reads++, data.samples()) }, reads: () => seen.reads };
}

async function valuesOf(data: Dataset): Promise<number[][][]> {
  const found: number[][][] = [];
  for await (const {
    feed: { x, given },
  } of data.samples())
    found.push([Array.from(x!.data as Float32Array), Array.from(given!.data as Float32Array)]);
  return found;
}

it("are what the other model makes of each sample, beside the sample itself", async () => {
  const { data } = counted();
  const given = await new CachedActivations(1, PROCESS).beside(data, "all", {
    input: "given",
    model: scaled(10),
    tensor: "h",
  });
  expect(await valuesOf(given)).toEqual([
    [
      [1, 2],
      [10, 20],
    ],
    [[3], [30]],
    [[4], [40]],
  ]);
  expect(given.size).toBe(3);
});

it("are computed once for one model, and anew for another and for other data", async () => {
  const { data, reads } = counted();
  const values = new CachedActivations(1, PROCESS);
  const other = scaled(10);
  for (let k = 0; k < 2; k++) await values.beside(data, "all", { input: "given", model: other, tensor: "h" });
  expect(reads()).toBe(1);
  const twice = await values.beside(data, "all", { input: "given", model: scaled(20), tensor: "h" });
  expect((await valuesOf(twice)).map(([, value]) => value)).toEqual([[20, 40], [60], [80]]);
  expect(reads()).toBe(3);
  await values.beside(dataset([feed([1], [1])]), "one", { input: "given", model: scaled(20), tensor: "h" });
  expect(reads()).toBe(3);
  const another = await values.beside(data, "all", { input: "given", model: scaled(20), tensor: "y" });
  expect((await valuesOf(another)).map(([, value]) => value)).toEqual([[40, 80], [120], [160]]);
});

it("leave no model open in the runtime, however few of them are read", async () => {
  const { data } = counted();
  const open = { now: 0 };
  const runtime = await PROCESS.runtime();
  const counting = Object.create(PROCESS, {
    runtime: {
      value: () =>
        Promise.resolve(
          Object.create(runtime, {
            open: {
              value: async (...given: Parameters<typeof runtime.open>) => {
                const session = await runtime.open(...given);
                open.now++;
                return Object.create(session, {
                  release: { value: () => (open.now--, session.release()) },
                }) as typeof session;
              },
            },
          }),
        ),
    },
  }) as CalibrationProcess;
  const given = await new CachedActivations(1, counting, 0).beside(data, "all", {
    input: "given",
    model: scaled(10),
    tensor: "h",
  });
  for await (const sample of given.samples()) if (sample) break;
  expect(open.now).toBe(0);
});

it("are computed whenever they are asked for where they are too many to keep", async () => {
  const { data } = counted();
  // Four values take 16 bytes.
  const given = await new CachedActivations(1, PROCESS, 12).beside(data, "all", {
    input: "given",
    model: scaled(10),
    tensor: "h",
  });
  for (let k = 0; k < 2; k++)
    expect((await valuesOf(given)).map(([, value]) => value)).toEqual([[10, 20], [30], [40]]);
});
