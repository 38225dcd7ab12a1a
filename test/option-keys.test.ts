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

/** A value of every kind that JSON or JavaScript may bring. */
const VALUES: readonly unknown[] = [
  5,
  -1,
  0.5,
  0,
  NaN,
  "x",
  "",
  true,
  false,
  null,
  [],
  [1],
  ["a"],
  {},
  () => undefined,
  Symbol("s"),
  1n,
];

describe("a wrong value of a known option is refused before anything happens", () => {
  it.each<[user: string, option: string, value: unknown, expected: string]>([
    ["compress", "int8", 1, "true or false, not 1."],
    ["compress", "int8", "yes", 'true or false, not "yes".'],
    ["compress", "int8", { calibrator: "minmax" }, "true or false, not an object."],
    ["compress", "force", "no", 'true or false, not "no".'],
    ["compress", "verify", "no", 'true or false, not "no".'],
    ["compress", "packedSizes", "no", 'true or false, not "no".'],
    ["compress", "seed", "x", 'a whole number, 0 or more, not "x".'],
    ["compress", "perChannel", 0, "true or false, not 0."],
    ["compress", "trialSeconds", -1, "a number of seconds, greater than 0 and at most 2000000, not -1."],
    ["compress", "exclude", "Conv", 'a list of texts, not "Conv".'],
    ["compress", "exclude", ["a", 1], "a list of texts, not a list."],
    ["compress", "flags", { prune: 0.5 }, "an object of texts by name, not an object."],
    ["compress", "calib", 5, "a path or a dataset, not 5."],
    ["compress", "output", 5, "text, not 5."],
    ["compress", "metric", 5, "text, not 5."],
    ["compress", "signal", {}, "an AbortSignal, not an object."],
    [
      "compress",
      "logger",
      { progress: true },
      "an object with functions diagnostic, progress and debug, not an object.",
    ],
    ["compress", "trainer", { train: 5 }, "an object with a function train, not an object."],
    ["compress", "maxSize", "2MB", 'a number or a share of the original\'s such as {share: 0.5}, not "2MB".'],
    ["optimize", "explain", 1, "true or false, not 1."],
    ["verify", "across", "all", 'true or false or an object, not "all".'],
    ["inspect", "run", "no", 'true or false, not "no".'],
    ["inspect", "dims", { batch: "1" }, "an object of sizes by name, not an object."],
    ["bench", "runs", -5, "a whole number, 1 or more, not -5."],
    ["bench", "runs", "x", 'a whole number, 1 or more, not "x".'],
    ["bench", "warmup", 0.5, "a whole number, 0 or more, not 0.5."],
    ["sensitivity", "top", -1, "a whole number, 1 or more, not -1."],
    ["openDataset", "limit", 0, "a whole number, 1 or more, not 0."],
  ])("%s: %s", async (user, option, value, expected) => {
    const [, , , call] = CALLS.find(([name]) => name === user)!;
    const others = user === "sensitivity" ? { calib: "none.npz" } : {};
    await expect(call({ ...others, [option]: value })).rejects.toMatchObject({
      code: "BAD_OPTION",
      message: `${user}: ${option} must be ${expected}`,
    });
  });

  it("values inside of options are looked at too", async () => {
    const bytes = { foldLimit: { bytes: "5" } } as unknown as edgec.CompressOptions;
    await expect(edgec.compress(model, bytes)).rejects.toThrow('foldLimit: bytes must be a number, not "5".');
    const across = { across: { runtimes: "node" } } as unknown as edgec.VerifyOptions;
    await expect(edgec.verify("a.onnx", "b.onnx", across)).rejects.toThrow(
      'across: runtimes must be a list of texts, not "node".',
    );
  });

  it("a missing calibration is asked for", async () => {
    await expect(edgec.sensitivity("a.onnx", {} as edgec.SensitivityOptions)).rejects.toThrow(
      "sensitivity: calib is missing. Give a path or a dataset.",
    );
    await expect((edgec.sensitivity as (path: string) => Promise<unknown>)("a.onnx")).rejects.toThrow(
      "sensitivity: options are an object of values by name, not undefined.",
    );
  });
});

describe("no value of any option or argument ends in an error of JavaScript", () => {
  it.each(Object.keys(COMPRESS_KEYS))("compress: %s", async (option) => {
    for (const value of VALUES) {
      if (option === "output" && typeof value === "string") continue;
      const given = { verify: false, [option]: value } as edgec.CompressOptions;
      // A folder that does not exist: nothing is written, whatever is accepted.
      const output = option === "output" ? {} : { output: "no/such/folder/out.onnx" };
      await expectNoRawError(() => edgec.compress(model, { ...output, ...given }));
    }
  });

  it.each<[string, (value: never) => unknown]>([
    ["compress", (value) => edgec.compress(value, { verify: false })],
    ["optimize", (value) => edgec.optimize(value, { verify: false })],
    ["inspect", (value) => edgec.inspect(value)],
    ["diffModels", (value) => edgec.diffModels(value, model)],
    ["verify: original", (value) => edgec.verify(value, "b.onnx")],
    ["verify: compressed", (value) => edgec.verify("fixtures/digits/none.onnx", value)],
    ["bench", (value) => edgec.bench(value)],
    ["sensitivity", (value) => edgec.sensitivity(value, { calib: "a.npz" })],
    ["readModel", (value) => edgec.readModel(value)],
    ["writeModel: model", (value) => edgec.writeModel(value, "no/such/folder/a.onnx")],
    // A name would be written to, in the folder of the tests.
    ["writeModel: path", (value) => (typeof value === "string" ? undefined : edgec.writeModel(model, value))],
    ["printModel", (value) => edgec.printModel(value)],
    ["openDataset: path", (value) => edgec.openDataset(value, inputs)],
    ["openDataset: inputs", (value) => edgec.openDataset("a.npz", value)],
    ["selectNodes: model", (value) => edgec.selectNodes(value, [], "mine")],
    ["selectNodes: selectors", (value) => edgec.selectNodes(model, value, "mine")],
    ["definePass", (value) => edgec.definePass(value)],
    ["copyModel", (value) => edgec.copyModel(value)],
    ["parseModel", (value) => edgec.parseModel(value)],
  ])("%s", async (_, call) => {
    for (const value of [undefined, ...VALUES])
      await expectNoRawError(() => (call as (value: unknown) => unknown)(value));
  });
});

/** Either it works, or an EdgecError says why not. */
async function expectNoRawError(call: () => unknown): Promise<void> {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(edgec.EdgecError);
  }
}

describe("the functions that take a model in memory or a file", () => {
  it.each<[user: string, mistyped: string, meant: string, call: (options: object) => unknown]>([
    ["readModel", "lazyfrom", "lazyFrom", (options) => edgec.readModel("a.onnx", options)],
    ["writeModel", "externaldata", "externalData", (options) => edgec.writeModel(model, "a.onnx", options)],
    ["printModel", "show", "shown", (options) => edgec.printModel(model, options)],
  ])("%s refuses an unknown option", (user, mistyped, meant, call) => {
    expect(() => call({ [mistyped]: 3 })).toThrow(
      `${user}: there is no option "${mistyped}". Did you mean "${meant}"? It takes: `,
    );
    expect(() => call({ [meant]: "x" })).toThrow(new RegExp(`^${user}: ${meant} must be .*, not "x"\\.$`));
  });

  it.each<[string, unknown]>([
    ["5", 5],
    ["an object", {}],
    ["null", null],
    ["undefined", undefined],
  ])("say what they take, given %s", async (words, value) => {
    for (const user of ["compress", "inspect"] as const)
      await expect((edgec[user] as (value: unknown) => Promise<unknown>)(value)).rejects.toThrow(
        `${user}: the input must be a path, the bytes of a model or a model, not ${words}.`,
      );
  });
});

describe("the definition of a pass", () => {
  const sound = {
    name: "mine",
    description: "for a test",
    lossy: false,
    defaults: { ratio: 0.5 },
    run: () => ({ modified: false, stats: {}, nodes: [], diagnostics: [] }),
  };

  it.each<[object, string]>([
    [{ statistic: () => [] }, 'definePass: there is no option "statistic". Did you mean "statistics"?'],
    [{ name: undefined }, "definePass: name is missing. Give a name."],
    [{ name: "" }, 'definePass: name must be a name, not "".'],
    [{ run: undefined }, "definePass: run is missing. Give a function."],
    [{ lossy: "no" }, 'definePass: lossy must be true or false, not "no".'],
    [{ defaults: undefined }, "definePass: defaults is missing. Give an object."],
    [{ flag: { syntax: "--mine" } }, 'definePass "mine": flag: help is missing. Give text.'],
    [
      { strength: { option: "ration", values: [1] } },
      'definePass "mine": strength needs the option "ration", which "defaults" does not have. It has: ratio.',
    ],
    [
      { strength: { option: "ratio", values: 1 } },
      'definePass "mine": strength: values must be a list of numbers, not 1.',
    ],
    [{ isSearched: true }, 'definePass "mine": isSearched needs the option "exclude"'],
  ])("is refused with %j", (wrong, message) => {
    expect(() => edgec.definePass({ ...sound, ...wrong })).toThrow(message);
  });

  it("is taken where it is sound", () => {
    expect(edgec.definePass({ ...sound, strength: { option: "ratio", values: [0.1, 0.5] } })().name).toBe(
      "mine",
    );
  });
});
