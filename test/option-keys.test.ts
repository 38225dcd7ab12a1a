/** Options of the library that there are not are refused with the nearest that there is. */
import { describe, expect, it } from "vitest";
import * as edgec from "../src/index.js";
import { COMPRESS_KEYS } from "../src/plan/compress-options.js";
import { GATE_KEYS } from "../src/plan/gate-limits.js";
import { matMulModel } from "./support/mat-mul-model.js";

const model = matMulModel();
const inputs = model.graph.inputs;

/** Each function with an option that is mistyped, before it could read a file. */
const CALLS: readonly [
  user: string,
  mistyped: string,
  meant: string,
  call: (options: object) => Promise<unknown>,
][] = [
  ["compress", "prun", "prune", (options) => edgec.compress(model, options)],
  ["optimize", "thread", "threads", (options) => edgec.optimize(model, options)],
  ["verify", "max-drop", "maxDrop", (options) => edgec.verify("a.onnx", "b.onnx", options)],
  ["inspect", "shape", "shapes", (options) => edgec.inspect(model, options)],
  ["diffModels", "dim", "dims", (options) => edgec.diffModels(model, model, options)],
  ["bench", "run", "runs", (options) => edgec.bench(["a.onnx"], options)],
  ["sensitivity", "calbi", "calib", (options) => edgec.sensitivity("a.onnx", options as { calib: string })],
  ["openDataset", "lables", "labels", (options) => edgec.openDataset("a.npz", inputs, options)],
];

describe.each(CALLS)("%s", (user, mistyped, meant, call) => {
  it("refuses an unknown option and suggests one", async () => {
    for (const value of ["x", undefined])
      await expect(call({ [mistyped]: value })).rejects.toMatchObject({
        code: "BAD_OPTION",
        message: expect.stringContaining(
          `${user}: there is no option "${mistyped}". Did you mean "${meant}"? It takes: `,
        ) as string,
      });
  });

  it("refuses what is no object of options", async () => {
    for (const [given, kind] of [
      [null, "null"],
      ["fast", "a string"],
      [[], "an array"],
    ] as const)
      await expect(call(given as unknown as object)).rejects.toMatchObject({
        code: "BAD_OPTION",
        message: `${user}: options are an object of values by name, not ${kind}.`,
      });
  });
});

it("names inside of options are looked at too", async () => {
  const refused = (options: object) =>
    expect(edgec.compress(model, { verify: false, ...options })).rejects.toMatchObject({
      code: "BAD_OPTION",
    });
  await refused({ foldLimit: { second: 3 } });
  await refused({ loadLimit: { byte: 3 } });
  await refused({ flags: { prun: "0.3" } });
  await expect(edgec.verify("a.onnx", "b.onnx", { across: { level: ["all"] } as object })).rejects.toThrow(
    'across: there is no option "level". Did you mean "levels"?',
  );
});

it("optimize takes nothing of what is lossy", async () => {
  await expect(edgec.optimize(model, { int8: true } as object)).rejects.toThrow(
    'optimize: there is no option "int8".',
  );
});

it("compress takes every gate", () => {
  expect(Object.keys(COMPRESS_KEYS)).toEqual(expect.arrayContaining(Object.keys(GATE_KEYS)));
});
