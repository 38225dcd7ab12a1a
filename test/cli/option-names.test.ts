/**
 * Messages name options as the caller spelled them: flags on the command line, names of options in the
 * library. Every kind of message is looked at through both.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { asFlag, spelledAsFlags } from "../../src/cli/flag-names.js";
import { buildProgram } from "../../src/cli/program.js";
import {
  bench,
  compress,
  type CompressOptions,
  type CompressResult,
  inspect,
  optimize,
  type Report,
  reportJson,
  reportMarkdown,
  reportText,
  sensitivity,
  verify,
} from "../../src/index.js";
import { DataType, floatTensor, makeNode, tensorValue } from "../../src/ir/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { inLibrary, marked, option, spelledBy, withoutMarks } from "../../src/option-names.js";
import { receivedError, sendableError } from "../../src/runtime/service-wire.js";
import { systemErrorOf } from "../../src/system-errors.js";
import { bareModel } from "../support/bare-model.js";
import { npyBytes, npzBytes } from "../support/npy-bytes.js";
import { normalArray } from "../support/seeded.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { edgecHere } from "./in-process.js";
import { thoroughly } from "../support/thorough.js";

const SOURCE = fileURLToPath(new URL("../../src", import.meta.url));
const folder = temporaryFolder();
const at = (name: string): string => join(folder.path, name);

/** A flag of the command line anywhere in a text: "--max-drop", "-o". */
const FLAG = /(?<![\w-])--[a-z][a-z0-9-]*|(?<![\w-])-o\b/;

const textOf = (error: unknown): string => (error as Error).message;

describe("the name of an option", () => {
  it.each([
    ["maxDrop", undefined, '"maxDrop"', "--max-drop"],
    ["keepInt8", undefined, '"keepInt8"', "--keep-int8"],
    ["output", undefined, '"output"', "-o"],
    ["perChannel", undefined, '"perChannel"', "--per-tensor"],
    ["perChannel", false, "perChannel: false", "--per-tensor"],
    ["across.levels", undefined, '"across.levels"', "--levels"],
    ["effort", "fast", 'effort: "fast"', "--effort fast"],
    ["verify", false, "verify: false", "--no-verify"],
    ["possibilities", true, "possibilities: true", "--passes"],
    ["dims", { batch: 1 }, "dims: { batch: 1 }", "--dim batch=1"],
    ["shapes", { "a b": "…" }, 'shapes: { "a b": … }', "--shape a b=…"],
    [
      "foldLimit",
      { seconds: 60, bytes: 2e9 },
      "foldLimit: { seconds: 60, bytes: 2000000000 }",
      "--fold-limit 60s,2GB",
    ],
  ] as const)("%s with %j", (name, value, library, commandLine) => {
    expect([inLibrary(name, value), asFlag(name, value)]).toEqual([library, commandLine]);
    expect([option(name, value), spelledAsFlags(() => option(name, value))]).toEqual([library, commandLine]);
  });

  it("is that of each caller where two run at the same time", async () => {
    const later = async (): Promise<string> => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return option("eval");
    };
    expect(await Promise.all([spelledAsFlags(later), later(), spelledAsFlags(later)])).toEqual([
      "--eval",
      '"eval"',
      "--eval",
    ]);
  });
});

describe("an option in a message of a child process", () => {
  it.each([
    ["output", undefined],
    ["effort", "fast"],
    ["verify", false],
    ["dims", { "a \u0001 b": 1 }],
  ] as const)("%s with %j is spelled by who receives it", (name, value) => {
    const message = `Give ${spelledBy(marked, () => option(name, value))}.`;
    expect(withoutMarks(message)).toBe(`Give ${inLibrary(name, value)}.`);
    expect(spelledAsFlags(() => withoutMarks(message))).toBe(`Give ${asFlag(name, value)}.`);
  });

  it("is not mistaken in the name of a node", () => {
    for (const name of ['\u0001["x",\u0001', "\u0001", '\u0001["x",}]\u0001', "plain"])
      expect(withoutMarks(name)).toBe(name);
  });

  it("reaches the command line as a flag when the calibration process fails", () => {
    const full = Object.assign(new Error("no space"), { code: "ENOSPC", syscall: "write" });
    const sent = spelledBy(marked, () => sendableError(systemErrorOf(full)));
    expect(receivedError(sent).message).toContain('another folder with "output", or');
    expect(spelledAsFlags(() => receivedError(sent)).message).toContain("another folder with -o, or");
  });
});

/** The code under src without comments, by path. */
const code = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => {
    const text = readFileSync(join(SOURCE, path), "utf8");
    return { path, text: text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "") };
  });

/** Options that messages name by a literal. */
const named = new Set(
  code.flatMap(({ text }) => [...text.matchAll(/(?<![\w.])option\("([^"]+)"/g)].map(([, name]) => name!)),
);

/** Those that no flag, word or value is spelled like. */
const camelCase = [...named].filter((name) => /[A-Z.]/.test(name));

/** What only a message on the command line mentions, as the library writes no report file and prints no list. */
const COMMAND_LINE_ONLY = ["report", "all"];
/** A function of the library. */
const FUNCTIONS = ["reportJson"];

describe("messages outside the command line", () => {
  it("hold no flag as it is, but for those of other programs and of the passes themselves", () => {
    const foreign = /syntax: "|setFlagsFromString|--(allow-|package|max-old-space-size)/;
    const found = code
      .filter(({ path }) => !path.startsWith("cli"))
      .flatMap(({ path, text }) => text.split("\n").map((line) => ({ path, line })))
      .filter(({ line }) => /["'`]/.test(line) && FLAG.test(line) && !foreign.test(line))
      // An operator of the language: `counts[--high]`.
      .filter(({ line }) => !/\[--\w+\]/.test(line));
    expect(found).toEqual([]);
  });

  it("name options that a function of the library takes", async () => {
    const refused = await Promise.all(
      [compress, verify, inspect, sensitivity, bench, optimize].map((each) =>
        (each as (...given: unknown[]) => Promise<unknown>)(...(each === verify ? ["a", "b"] : ["a"]), {
          nope: 1,
        }).then(() => "", textOf),
      ),
    );
    const across = await verify("a", "b", { across: { nope: 1 } as object }).catch(textOf);
    const listed = (text: unknown): string[] => /It takes: (.*)\.$/.exec(String(text))![1]!.split(", ");
    const known = new Set([
      ...refused.flatMap(listed),
      ...listed(across).map((name) => `across.${name}`),
      ...COMMAND_LINE_ONLY,
      ...FUNCTIONS,
    ]);
    expect(named.size).toBeGreaterThan(30);
    expect([...named].filter((name) => !known.has(name))).toEqual([]);
  });

  it("have a flag that exists for each of these options", () => {
    const flags = buildProgram().commands.flatMap(({ options }) =>
      options.flatMap(({ short, long }) => [short, long]),
    );
    const spelled = [...named]
      .filter((name) => !FUNCTIONS.includes(name))
      .map((name) => ({ name, given: asFlag(name), off: asFlag(name, false) }));
    const missing = spelled.filter(({ given, off }) => !flags.includes(given) && !flags.includes(off));
    expect(missing).toEqual([]);
  });
});

interface Mistake {
  readonly library: () => Promise<unknown>;
  readonly words: readonly string[];
}

const of = (options: CompressOptions, ...words: string[]): Mistake => ({
  library: () => compress(at("m.onnx"), options),
  words: ["compress", at("m.onnx"), ...words],
});

/** Mistakes by what they are, each made in both ways. */
const MISTAKES: Readonly<Record<string, () => Mistake>> = {
  "a gate without data": () => of({ maxDrop: 0.01 }, "--max-drop", "0.01"),
  "labels without data": () => of({ labels: "l.npy" }, "--labels", "l.npy"),
  "a gate without labels": () =>
    of({ maxDrop: 0.01, eval: at("c.npz") }, "--max-drop", "0.01", "--eval", at("c.npz")),
  "points as a share": () => of({ maxDrop: 2, eval: at("c.npz") }, "--max-drop", "2", "--eval", at("c.npz")),
  "a ratio as a slowdown": () => of({ maxSlowdown: 1.05 }, "--max-slowdown", "1.05"),
  "an unknown effort": () => of({ int8: true, effort: "beast" as "best" }, "--int8", "--effort", "beast"),
  "an idle effort": () => of({ effort: "fast" }, "--effort", "fast"),
  "an unknown form of storage": () => of({ storage: "int" as "int8" }, "--storage", "int"),
  "two kinds of int8": () => of({ int8: true, storage: "int8" }, "--int8", "--storage", "int8"),
  "storage beside passes": () =>
    of({ storage: "int8", passes: "clean-up" }, "--storage", "int8", "--passes", "clean-up"),
  "int8 to keep without int8": () => of({ keepInt8: true }, "--keep-int8"),
  "int8 to keep beside passes": () =>
    of({ keepInt8: true, passes: "quantize-int8" }, "--keep-int8", "--passes", "quantize-int8"),
  "a budget without a search": () => of({ timeBudget: 5 }, "--time-budget", "5s"),
  "a budget for what is repeated": () =>
    of({ timeBudget: 5, replay: "r.json" }, "--time-budget", "5s", "--replay", "r.json"),
  "decisions without int8": () => of({ replay: "r.json" }, "--replay", "r.json"),
  "decisions of a missing file": () => of({ int8: true, replay: "r.json" }, "--int8", "--replay", "r.json"),
  "decisions of no report": () =>
    of({ int8: true, replay: at("empty.json") }, "--int8", "--replay", at("empty.json")),
  "pruning without bounds": () => of({ prune: "auto" }, "--prune", "auto"),
  "pruning by gates beside passes": () =>
    of({ prune: "auto", passes: "prune-magnitude" }, "--prune", "auto", "--passes", "prune-magnitude"),
  "an exclusion of nothing": () =>
    of({ prune: 0.5, exclude: ["nope"] }, "--prune", "0.5", "--exclude", "nope"),
  "an idle exclusion": () => of({ exclude: ["dense"] }, "--exclude", "dense"),
  "an idle calibrator": () => of({ calibrator: "mse" }, "--calibrator", "mse"),
  "idle bits": () => of({ weightBits: 4 }, "--weight-bits", "4"),
  "idle scales": () => of({ perChannel: false }, "--per-tensor"),
  "a pass that is not listed": () =>
    of({ cluster: 16, passes: "clean-up" }, "--cluster", "16", "--passes", "clean-up"),
  "no passes": () => of({ passes: "," }, "--passes", ","),
  "an empty path": () => of({ calib: "" }, "--calib", ""),
  "a runtime that is too old": () => of({ minOrt: "1.0" }, "--min-ort", "1.0"),
  "no name": () => of({ output: "" }, "-o", ""),
  "standard output": () => of({ output: "-" }, "-o", "-"),
  "a report's name": () => of({ output: at("o.json") }, "-o", at("o.json")),
  "a file of the user": () => of({ output: at("user.onnx") }, "-o", at("user.onnx")),
  "the input itself": () => of({ output: at("m.onnx") }, "-o", at("m.onnx")),
  "a kernel that does not saturate": () => ({
    library: () => verify(at("m.onnx"), at("m.onnx"), { emulate: "arm64-dotprod" }),
    words: ["verify", at("m.onnx"), at("m.onnx"), "--emulate", "arm64-dotprod"],
  }),
  "times of an emulation": () => ({
    library: () => verify(at("m.onnx"), at("m.onnx"), { emulate: "x64-avx2", maxSlowdown: 0 }),
    words: ["verify", at("m.onnx"), at("m.onnx"), "--emulate", "x64-avx2", "--max-slowdown", "0"],
  }),
  "an unknown level": () => ({
    library: () => verify(at("m.onnx"), at("m.onnx"), { across: { levels: ["al" as "all"] } }),
    words: ["verify", at("m.onnx"), at("m.onnx"), "--levels", "al"],
  }),
  "an unknown runtime": () => ({
    library: () => verify(at("m.onnx"), at("m.onnx"), { across: { runtimes: ["nod" as "node"] } }),
    words: ["verify", at("m.onnx"), at("m.onnx"), "--runtimes", "nod"],
  }),
  "an unknown symbol": () => ({
    library: () => inspect(at("m.onnx"), { dims: { batsh: 1 } }),
    words: ["inspect", at("m.onnx"), "--dim", "batsh=1"],
  }),
  "a shape of another rank": () => ({
    library: () => inspect(at("m.onnx"), { shapes: { x: [1] } }),
    words: ["inspect", at("m.onnx"), "--shape", "x=1"],
  }),
  "a run with an open size": () => ({
    library: () => inspect(at("open.onnx"), { run: true }),
    words: ["inspect", at("open.onnx"), "--run"],
  }),
  "an empty path for a bench": () => ({
    library: () => bench([at("m.onnx")], { data: "" }),
    words: ["bench", at("m.onnx"), "--data", ""],
  }),
  "an empty path to compare on": () => ({
    library: () => optimize(at("m.onnx"), { eval: "" }),
    words: ["optimize", at("m.onnx"), "--eval", ""],
  }),
};

const messageOf = (job: () => Promise<unknown>): Promise<string> => job().then(() => "no error", textOf);

beforeEach(() => {
  const product = (shape: readonly (number | string)[]) =>
    bareModel({
      name: "product",
      nodes: [makeNode("MatMul", ["x", "w"], ["y"], [], "dense")],
      initializers: [floatTensor("w", [64, 64], normalArray(64 * 64, 3))],
      inputs: [tensorValue("x", DataType.FLOAT, shape)],
      outputs: [tensorValue("y", DataType.FLOAT)],
    });
  writeFileSync(at("m.onnx"), encodeModelBytes(product(["batch", 64])));
  writeFileSync(at("open.onnx"), encodeModelBytes(product(["batch", "width"])));
  writeFileSync(at("user.onnx"), "mine");
  writeFileSync(at("empty.json"), "{}");
  writeFileSync(at("c.npz"), npzBytes({ x: npyBytes("<f4", [8, 64], new Float32Array(8 * 64).fill(1)) }));
});

describe.each(Object.entries(MISTAKES))("the message about %s", (_, mistake) => {
  it("names options in the library, and flags on the command line", async () => {
    const { library, words } = mistake();
    const message = await messageOf(library);
    expect(message).not.toMatch(FLAG);
    expect(message).toMatch(/"[a-zA-Z0-9.]+"|[a-zA-Z]+: /);
    const { code: exit, stderr } = await edgecHere(words);
    expect(exit).toBe(2);
    const asFlags = await messageOf(() => spelledAsFlags(library));
    expect(stderr.endsWith(`error: ${asFlags}\n`)).toBe(true);
    expect(asFlags).toMatch(FLAG);
    for (const name of camelCase) expect(asFlags).not.toContain(`"${name}"`);
  });
});

/** Runs whose results deserve warnings, made in both ways. */
const POOR: Readonly<Record<string, () => Mistake>> = {
  "random inputs": () => of(POOR_OPTIONS, ...POOR_WORDS),
  "equal samples": () => of({ ...POOR_OPTIONS, calib: at("c.npz") }, ...POOR_WORDS, "--calib", at("c.npz")),
  "no comparison": () => of({ ...POOR_OPTIONS, verify: false }, ...POOR_WORDS, "--no-verify"),
};
const POOR_OPTIONS: CompressOptions = {
  int8: true,
  prune: 0.9,
  target: "arm64-dotprod",
  maxSlowdown: 0.9,
  minSqnr: 60,
  seed: 0,
};
const POOR_WORDS = "--int8 --prune 0.9 --target arm64-dotprod --max-slowdown 0.9 --min-sqnr 60".split(" ");

describe.each(Object.entries(POOR))("the report of a poor result, with %s", (_, poor) => {
  thoroughly("names options in the library", async () => {
    const { report } = (await poor().library()) as CompressResult;
    expect(report.warnings.length).toBeGreaterThan(1);
    for (const text of [reportJson(report), reportMarkdown(report), reportText(report)])
      expect(text).not.toMatch(FLAG);
  });

  it("names flags on the command line", async () => {
    const files = ["--report", at("r.json"), "--report", at("r.md"), "-o", at("poor.onnx")];
    const run = await edgecHere([...poor().words, ...files]);
    // A gate may fail.
    expect([0, 1]).toContain(run.code);
    const { warnings, verdict } = JSON.parse(readFileSync(at("r.json"), "utf8")) as Report;
    const messages = [...warnings, ...verdict.gates].map(({ message }) => message);
    expect(messages.join("\n")).toMatch(FLAG);
    for (const text of [readFileSync(at("r.md"), "utf8"), ...messages, run.stdout, run.stderr])
      for (const name of camelCase) expect(text).not.toContain(`"${name}"`);
  });
});
