import { availableParallelism } from "node:os";
import { expect, it } from "vitest";
import { bench, compress, optimize, verify } from "../../src/index.js";
import { learningThreads, requireThreads } from "../../src/plan/threads.js";
import { fixture } from "../support/run-edgec.js";

const LENET = fixture("models/lenet.onnx");

it.each([0, -1, 1.5, 257, NaN, Infinity, 2 ** 40, "2" as unknown as number])(
  "refuses %j threads",
  (threads) => {
    expect(() => requireThreads(threads)).toThrow(/"threads" must be a whole number from 1 to 256, not/);
  },
);

it("takes 1 to 256, and none given", () => {
  for (const threads of [undefined, 1, 256]) expect(() => requireThreads(threads)).not.toThrow();
});

it("is asked by all that start a runtime, before they do", async () => {
  const refused = { code: "BAD_OPTION", message: expect.stringContaining("not 0.5") as unknown };
  await expect(compress(LENET, { threads: 0.5 })).rejects.toMatchObject(refused);
  await expect(optimize(LENET, { threads: 0.5 })).rejects.toMatchObject(refused);
  await expect(verify(LENET, LENET, { threads: 0.5 })).rejects.toMatchObject(refused);
  await expect(bench([LENET], { threads: 0.5 })).rejects.toMatchObject(refused);
});

it("are all processors where passes learn, unless a number is asked for", () => {
  expect(learningThreads(undefined)).toBe(Math.min(8, availableParallelism()));
  expect([learningThreads(1), learningThreads(3)]).toEqual([1, 3]);
});
