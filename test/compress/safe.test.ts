/** Passes that are broken on purpose, through the public API. */
import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  makeNode,
  tensorValue,
  toFloat32,
  type Model,
} from "../../src/ir/index.js";
import type { Pass, PassResult } from "../../src/passes/contract.js";
import { definePass } from "../../src/passes/define-pass.js";
import { compress } from "../../src/compress/compress.js";
import type { CompressOptions } from "../../src/plan/compress-options.js";
import { prefixOf } from "../../src/compress/bisect-failing-pass.js";
import type { StatisticRequest } from "../../src/numeric/statistics.js";
import type { Dataset } from "../../src/data/dataset.js";
import { matMulModel } from "../support/mat-mul-model.js";
import { thoroughly } from "../support/thorough.js";

interface Double {
  readonly lossy?: boolean;
  readonly statistics?: readonly StatisticRequest[];
}

function pass(
  name: string,
  edit: (model: Model) => void,
  { lossy = false, statistics = [] }: Double = {},
): Pass {
  return definePass<Record<string, never>>({
    name,
    description: "",
    lossy,
    defaults: {},
    statistics: () => statistics,
    run: (model) => {
      edit(model);
      return { modified: true, stats: {}, nodes: [], diagnostics: [] };
    },
  })();
}

const rename = pass("rename", (model) => (model.producerName = "renamed"));
const scaled =
  (factor: number) =>
  (model: Model): void => {
    model.graph.initializers = model.graph.initializers.map((tensor) =>
      floatTensor(
        tensor.name ?? "",
        tensor.dims,
        toFloat32(tensor).map((v) => v * factor),
      ),
    );
  };
const doubles = pass("doubles", scaled(2));

async function run(
  passes: readonly Pass[],
  options: CompressOptions = {},
): Promise<{ leftOut: string[]; ran: string[]; model: Model; messages: string[] }> {
  const { report, model } = await compress(matMulModel(), { passes, ...options });
  const warnings = report.warnings.filter(({ id }) => id === "compress/pass-left-out");
  return {
    leftOut: warnings.map(({ subject = "" }) => subject),
    ran: report.passes.map(({ name }) => name),
    model,
    messages: warnings.map(({ message }) => message),
  };
}

describe("a pass that breaks the model is left out and named", () => {
  it("when it is exact and changes outputs beyond rounding", async () => {
    const { leftOut, ran, model, messages } = await run([
      rename,
      doubles,
      pass("names-graph", ({ graph }) => (graph.name = "named")),
    ]);
    expect([leftOut, ran]).toEqual([["doubles"], ["rename", "names-graph"]]);
    expect([...toFloat32(model.graph.initializers[0]!)]).toEqual([1, 2, 3, 4]);
    expect([model.producerName, model.graph.name]).toEqual(["renamed", "named"]);
    expect(messages[0]).toMatch(
      /^The pass "doubles" was left out, because it breaks this model: output "y" changes beyond rounding \(.* dB\), although the pass is exact\./,
    );
  });

  it("when it is lossy and gives NaN, but not when it is lossy and no more than that", async () => {
    const { leftOut } = await run([
      pass("halves", scaled(0.5), { lossy: true }),
      pass("blanks", scaled(NaN), { lossy: true }),
    ]);
    expect(leftOut).toEqual(["blanks"]);
  });

  thoroughly("when an exact pass did it, whatever lossy ones come after", async () => {
    expect((await run([doubles, pass("blanks", scaled(-1000), { lossy: true }), rename])).leftOut).toEqual([
      "doubles",
      "blanks",
    ]);
  });

  it("when it throws", async () => {
    const { leftOut, messages } = await run([
      rename,
      pass("throws", () => {
        throw new TypeError("x is undefined");
      }),
    ]);
    expect(leftOut).toEqual(["throws"]);
    expect(messages[0]).toContain("x is undefined");
  });

  it("when it leaves an invalid model", async () => {
    const dangles = pass("dangles", ({ graph }) => (graph.nodes[0]!.inputs[1] = "missing"));
    expect((await run([rename, dangles, rename])).leftOut).toEqual(["dangles"]);
    const overfeeds = pass("overfeeds", ({ graph }) => graph.nodes[0]!.inputs.push("w"));
    expect((await run([overfeeds, rename], { verify: false })).leftOut).toEqual(["overfeeds"]);
  });

  it("when the runtime refuses its model, and each of several", async () => {
    const foreign = pass("foreign", (model) => {
      model.graph.nodes[0]!.domain = "com.example";
      model.opsetImports.push({ domain: "com.example", version: 1n });
    });
    expect((await run([doubles, rename, foreign])).leftOut.sort()).toEqual(["doubles", "foreign"]);
  });
});

describe("where the noise is larger than the signal, and nothing else is wrong", () => {
  const counted = (name: string, factor: number, lossy: boolean): { mine: Pass; runs: () => number } => {
    let runs = 0;
    const edit = scaled(factor);
    const count = (model: Model): void => {
      runs++;
      edit(model);
    };
    return { mine: pass(name, count, { lossy }), runs: () => runs };
  };

  it("an exact pass is found that a lossy one hides", async () => {
    const { mine } = counted("negates", -1, true);
    expect((await run([rename, doubles, mine])).leftOut).toEqual(["doubles"]);
  });

  it("exact passes are judged by the model that they left, and no pass runs again", async () => {
    const exact = counted("exact", 1, false);
    const lossy = counted("negates", -1, true);
    expect((await run([exact.mine, lossy.mine])).leftOut).toEqual([]);
    expect([exact.runs(), lossy.runs()]).toEqual([1, 1]);
  });

  it("nothing is tried where no exact pass changed the model before the first lossy one", async () => {
    let runs = 0;
    const idle = definePass<Record<string, never>>({
      name: "idle",
      description: "",
      lossy: false,
      defaults: {},
      run: () => (runs++, { modified: false, stats: {}, nodes: [], diagnostics: [] }),
    })();
    const lossy = counted("negates", -1, true);
    expect((await run([idle, lossy.mine, rename])).leftOut).toEqual([]);
    expect([runs, lossy.runs()]).toEqual([1, 1]);
  });
});

describe("a model that is refused while statistics are measured", () => {
  const row = (...x: number[]) => ({
    feed: { x: { dataType: DataType.FLOAT, dims: [1, 2], data: Float32Array.from(x) } },
  });
  const rows = (...samples: ReturnType<typeof row>[]): Dataset => ({
    name: "rows",
    size: samples.length,
    hasLabels: false,
    async *samples() {
      await Promise.resolve();
      yield* samples;
    },
  });
  const learns = pass("learns", () => undefined, {
    lossy: true,
    statistics: [{ kind: "range", tensor: "y" }],
  });

  it("costs the pass that broke it", async () => {
    const foreign = pass("foreign", (model) => {
      model.graph.nodes[0]!.domain = "com.example";
      model.opsetImports.push({ domain: "com.example", version: 1n });
    });
    const calib = rows(row(1, 2), row(3, 4));
    expect((await run([rename, foreign, learns], { calib })).leftOut).toEqual(["foreign"]);
    await expect(run([foreign, learns], { calib, safe: false })).rejects.toMatchObject({
      code: "PASS_FAILED",
      message: expect.stringContaining('pass "foreign"') as string,
    });
  });

  it("is the sample's when the original is refused on it and runs on others, and the sample is named", async () => {
    const model = matMulModel();
    model.graph.nodes = [
      makeNode("Cast", ["x"], ["i"], [attribute.int("to", DataType.INT64)]),
      makeNode("Gather", ["w", "i"], ["y"], [], "rows"),
    ];
    model.graph.outputs = [tensorValue("y", DataType.FLOAT, [1, 2, 2])];
    const calib = rows(row(0, 1), row(1, 0), row(7, 0));
    const evaluation = rows(row(0, 1), row(7, 0));
    for (const [sample, options] of [
      [2, { calib, eval: rows(row(0, 1)) }],
      [1, { eval: evaluation }],
    ] as const) {
      const refused = compress(model, { passes: [rename, learns], ...options });
      const told = `rows: sample ${sample}: the original model fails on this sample but runs on others`;
      await expect(refused).rejects.toMatchObject({
        code: "BAD_DATA",
        message: expect.stringContaining(told) as string,
      });
    }
  });
});

describe("a pass of the caller's own is not called a bug in edgec", () => {
  const failing = (name: string, run: () => unknown): Pass =>
    definePass<Record<string, never>>({
      name,
      description: "",
      lossy: false,
      defaults: {},
      run: run as () => PassResult,
    })();
  const result = { modified: false, stats: {}, nodes: [], diagnostics: [] };
  const throwing = (text: string) =>
    failing("mine", () => {
      throw new TypeError(text);
    });
  const removing = pass("mine", ({ graph }) => void graph.nodes.pop());

  it.each<[what: string, mine: Pass, verb: string, reason: string]>([
    ["throws", throwing("boom"), "fails on", "boom."],
    ["throws a sentence", throwing("There is no axis."), "fails on", "There is no axis."],
    [
      "throws no error",
      failing("mine", () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- a caller may do so
        throw "boom";
      }),
      "fails on",
      "boom.",
    ],
    [
      "returns nothing",
      failing("mine", () => undefined),
      "fails on",
      "run returned undefined instead of a result. Return { modified, stats, nodes, diagnostics }.",
    ],
    [
      "returns half a result",
      failing("mine", () => ({ ...result, nodes: undefined })),
      "fails on",
      'the result of run has undefined as "nodes", which must be a list.',
    ],
    [
      "asks for no list of statistics",
      { ...failing("mine", () => result), statistics: () => undefined as never },
      "fails on",
      "statistics returned undefined instead of a list of requests.",
    ],
    [
      "is made without definePass",
      { ...failing("mine", () => result), definition: undefined as never, run: () => undefined as never },
      "fails on",
      "run returned undefined instead of a result. Return { modified, stats, nodes, diagnostics }.",
    ],
    ["removes a node", removing, "breaks", 'after the last pass: graph output "y" '],
  ])("%s", async (_, mine, verb, reason) => {
    const { leftOut, messages } = await run([rename, mine], { verify: false });
    expect(leftOut).toEqual(["mine"]);
    const [message = ""] = messages;
    expect(message.startsWith(`The pass "mine" was left out, because it ${verb} this model: ${reason}`)).toBe(
      true,
    );
    expect(message).toMatch(
      /[^.]\. The pass is not part of edgec: correct it\. Use safe: false to fail instead\.$/,
    );
    // The model was written, and the pass is named: other messages' advice has no place here.
    for (const foreign of ["bug", "Nothing was written", "first pass", '"debug"', ".."])
      expect(message).not.toContain(foreign);
    await expect(run([rename, mine], { safe: false, verify: false })).rejects.toThrow(
      /[^.]\. The pass is not part of edgec: correct it\. Without safe: false, the pass is left out\.$/,
    );
  });

  it("cannot have the name of a pass of edgec, nor that of another in the list", async () => {
    const named = (name: string) => pass(name, () => undefined);
    await expect(run([named("prune-magnitude")])).rejects.toMatchObject({
      code: "BAD_OPTION",
      message: 'passes: edgec already has a pass "prune-magnitude". Give yours another name.',
    });
    const inserted = { after: "remove-dead", pass: named("encode-weights") };
    await expect(compress(matMulModel(), { passes: ["recipe", inserted] })).rejects.toThrow("encode-weights");
    await expect(run([named("mine"), rename, named("mine")])).rejects.toThrow(
      'passes: two different passes have the name "mine". Rename one of them.',
    );
  });
});

describe("with safe: false", () => {
  it("fails and names the pass", async () => {
    await expect(run([rename, doubles], { safe: false })).rejects.toMatchObject({
      code: "PASS_FAILED",
      message: expect.stringMatching(
        /^the pass "doubles" breaks this model, so nothing was written: output "y"/,
      ) as string,
    });
  });

  it("has nothing against sound passes", async () => {
    expect((await run([rename], { safe: false })).ran).toEqual(["rename"]);
  });
});

it("takes no pass for guilty where the model draws random numbers", async () => {
  const model = matMulModel();
  model.graph.nodes = [makeNode("RandomNormalLike", ["x"], ["y"])];
  // The numbers that onnxruntime draws follow the node's number.
  const renumbers = pass("renumbers", ({ graph }) =>
    graph.nodes.unshift(makeNode("Relu", ["x"], ["unused"])),
  );
  const { report } = await compress(model, { passes: [renumbers] });
  expect(report.passes.map(({ name }) => name)).toEqual(["renumbers"]);
});

it("says so when outputs differ on later samples only, and no pass is made out", async () => {
  const samples = Array.from({ length: 9 }, (_, k) => ({
    feed: {
      x: {
        dataType: DataType.FLOAT,
        dims: [1, 2],
        data: k < 8 ? Float32Array.of(1, 0) : Float32Array.of(0, 1),
      },
    },
  }));
  const data: Dataset = {
    name: "late",
    size: 9,
    hasLabels: false,
    async *samples() {
      await Promise.resolve();
      yield* samples;
    },
  };
  const secondRow = pass(
    "second-row",
    ({ graph }) => (graph.initializers = [floatTensor("w", [2, 2], Float32Array.of(1, 2, 30, 40))]),
  );
  const { report } = await compress(matMulModel(), { passes: [secondRow], eval: data });
  expect(report.warnings.map(({ id }) => id)).toContain("compress/outputs-differ");
});

thoroughly("measures what passes learn from once, however often the plan is carried through", async () => {
  let read = 0;
  const calib: Dataset = {
    name: "counted",
    size: 1,
    hasLabels: false,
    async *samples() {
      read++;
      await Promise.resolve();
      yield { feed: { x: { dataType: DataType.FLOAT, dims: [1, 2], data: Float32Array.of(1, 2) } } };
    },
  };
  const learns = pass("learns", () => undefined, {
    lossy: true,
    statistics: [{ kind: "range", tensor: "x" }],
  });
  await run([learns], { calib });
  const once = read;
  expect((await run([learns, rename, pass("blanks", scaled(NaN))], { calib })).leftOut).toEqual(["blanks"]);
  expect(read).toBe(2 * once);
});

it("cuts a plan short within its steps", () => {
  const step = (...names: string[]) => ({
    passes: names.map((name) => pass(name, () => undefined)),
    untilStable: true,
    reason: "",
  });
  const names = (count: number): string[][] =>
    prefixOf([step("a", "b"), step("c")], count).map(({ passes }) => passes.map(({ name }) => name));
  expect([names(0), names(1), names(3)]).toEqual([[], [["a"]], [["a", "b"], ["c"]]]);
});

it("keeps an output that is zero throughout apart from one that is lost", async () => {
  const model = matMulModel(new Float32Array(4));
  model.graph.outputs = [tensorValue("y", DataType.FLOAT, [1, 2])];
  const { report } = await compress(model, {
    passes: [
      pass("adds-a-trace", scaled(1)),
      pass(
        "tiny",
        ({ graph }) => (graph.initializers = [floatTensor("w", [2, 2], new Float32Array(4).fill(1e-7))]),
      ),
    ],
  });
  expect(report.warnings.filter(({ id }) => id.startsWith("compress/pass"))).toEqual([]);
});
