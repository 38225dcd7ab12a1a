/** Second-moment matrices that are too large to be held. */
import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { calibrate } from "../../src/calibration/index.js";
import { writeGram } from "../../src/calibration/moments-file.js";
import { MomentsStore } from "../../src/calibration/moments-store.js";
import type { CalibrationClient } from "../../src/calibration/process.js";
import { makeNode } from "../../src/ir/index.js";
import { Statistics, type Gram, type GramRequest } from "../../src/numeric/statistics.js";
import { dataset, feed, model } from "../support/feed-models.js";
import { normalArray } from "../support/seeded.js";

const request: GramRequest = { kind: "gram", tensor: "x", layout: { type: "lastAxis" } };
const small: Gram = {
  size: 2,
  matrices: [Float64Array.of(1, 2, 2, 4), Float64Array.of(9, 3, 3, 1)],
  means: [Float64Array.of(1, 2), Float64Array.of(3, -1)],
  rows: 5,
};

/** Gives one matrix, and tells where it was written. */
function childWith(gram: Gram) {
  const paths: string[] = [];
  const call = (method: string, [argument]: readonly unknown[]): Promise<unknown> => {
    if (method === "takeGram") return Promise.resolve(argument === request ? 1e9 : undefined);
    paths.push(argument as string);
    return Promise.resolve(writeGram(gram, argument as string));
  };
  return { child: { call } as unknown as CalibrationClient, paths };
}

it("reads a large matrix at each request, and holds none", async () => {
  // 4 bytes x 2100² are more than is held.
  const [size, rows] = [2100, 3];
  const x = normalArray(size * rows, 1);
  const statistics = await calibrate({
    model: model(["n", size], [makeNode("Relu", ["x"], ["y"])]),
    dataset: dataset([feed([rows, size], x)]),
    requests: [request],
  });
  const [first, second] = [statistics.get(request), statistics.get(request)];
  const at = (i: number, j: number): number =>
    Array.from({ length: rows }, (_, r) => x[r * size + i]! * x[r * size + j]!).reduce((a, b) => a + b) /
    rows;
  for (const [i, j] of [
    [0, 0],
    [3, 1400],
    [2099, 2099],
  ] as const)
    expect(first?.matrices[0]?.[i * size + j]).toBeCloseTo(at(i, j), 5);
  const bytes = (gram = first): Buffer => Buffer.from(gram!.matrices[0]!.buffer);
  expect(bytes(second).equals(bytes())).toBe(true);
  // `not.toBe` would compare millions of values for its message.
  expect(Object.is(second?.matrices[0], first?.matrices[0])).toBe(false);
});

it("gives back groups and means as they were", async () => {
  const statistics = new Statistics();
  await new MomentsStore(childWith(small).child, statistics).take(request, request);
  expect([statistics.has(request), statistics.get(request)]).toEqual([true, small]);
});

it("removes the files with the statistics", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const { child, paths } = childWith(small);
  await (async () => new MomentsStore(child, new Statistics()).take(request, request))();
  expect(paths.map(existsSync)).toEqual([true]);
  for (let k = 0; k < 100 && existsSync(paths[0]!); k++) {
    collectGarbage();
    await delay(10);
  }
  expect(paths.map(existsSync)).toEqual([false]);
});
