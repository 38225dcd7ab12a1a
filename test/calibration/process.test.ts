import { afterEach, expect, it } from "vitest";
import { calibrate } from "../../src/calibration/calibrate.js";
import { CalibrationProcess } from "../../src/calibration/process.js";
import { floatTensor, makeNode, type Model } from "../../src/ir/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { dataset, feed, model } from "../support/feed-models.js";

const process = new CalibrationProcess();
afterEach(() => process.close());

/** y = x + 1. */
const next = (): Model =>
  model(["n"], [makeNode("Add", ["x", "one"], ["y"])], [floatTensor("one", [], Float32Array.of(1))]);
const RANGE = { kind: "range", tensor: "y" } as const;
const pidOf = async (): Promise<number | undefined> => (await process.client()).pid;

it("is shared by calibrations and the runtime, and outlives both", async () => {
  const pid = await pidOf();
  for (const value of [1, 5]) {
    const found = await calibrate({
      model: next(),
      dataset: dataset([feed([1], [value])]),
      requests: [RANGE],
      process,
    });
    expect(found.get(RANGE)).toMatchObject({ min: value + 1, max: value + 1 });
  }
  const session = await (await process.runtime()).open(encodeModelBytes(next()));
  expect((await session.run(feed([1], [7]))).y?.data).toEqual(Float32Array.of(8));
  await session.release();
  expect(await pidOf()).toBe(pid);
});

it("ends when a calibration fails, and a new one starts for the next", async () => {
  const pid = await pidOf();
  const failing = calibrate({
    model: next(),
    dataset: dataset([feed([1], [NaN]), feed([1], [1])]),
    requests: [RANGE],
    process,
  });
  await expect(failing).rejects.toMatchObject({ code: "BAD_DATA" });
  expect(
    (await calibrate({ model: next(), dataset: dataset([feed([1], [1])]), requests: [RANGE], process })).get(
      RANGE,
    ),
  ).toMatchObject({ max: 2 });
  expect(await pidOf()).not.toBe(pid);
});

it("starts again after a crash", async () => {
  const pid = await pidOf();
  globalThis.process.kill(pid!, "SIGKILL");
  await expect((await process.client()).call("residentBytes", [])).rejects.toMatchObject({
    code: "RUNTIME_CRASHED",
  });
  expect((await (await process.runtime()).open(encodeModelBytes(next()))).outputNames).toEqual(["y"]);
  expect(await pidOf()).not.toBe(pid);
});

it("keeps running while idle and small, and ends when it has grown", async () => {
  const pid = await pidOf();
  await process.rest();
  expect(await pidOf()).toBe(pid);
  const session = await (await process.runtime()).open(encodeModelBytes(next()));
  // 256 MiB of results that nothing has freed yet.
  await session.run(feed([2 ** 25], new Float32Array(2 ** 25)));
  await process.rest();
  expect(await pidOf()).not.toBe(pid);
});

it("can be closed unused, and twice", async () => {
  await process.close();
  await process.close();
});
