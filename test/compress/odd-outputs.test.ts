/** Whole runs over models whose outputs are no float tensors. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  int64Tensor,
  makeNode,
  tensorValue,
  type Graph,
  type Model,
  type Node,
  type ValueInfo,
} from "../../src/ir/index.js";
import { readModel, writeModel } from "../../src/onnx/index.js";
import { encodeMessage } from "../../src/onnx/schema.js";
import { bench } from "../../src/compare/bench.js";
import { compress } from "../../src/compress/compress.js";
import { inspect } from "../../src/inspect/inspect.js";
import { optimize } from "../../src/compress/optimize.js";
import { sensitivity } from "../../src/compare/sensitivity.js";
import { verify } from "../../src/compare/verify.js";
import { fidelityLines } from "../../src/report/measurement-lines.js";
import { dataset } from "../support/feed-models.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { Random } from "../support/random.js";
import { oddFeed, oddModel, withoutExpected } from "../support/odd-outputs.js";
import { floatSequence, scoreMaps, zipMap } from "../support/odd-types.js";
import { thoroughly } from "../support/thorough.js";

const folder = temporaryFolder();
const WIDTH = 6;
const HIDDEN = 512;

/** Two dense layers to "scores" [n, 4], and what is made of those. */
function classifier(random: Random, nodes: Node[], outputs: ValueInfo[]): Model {
  const graph: Graph = {
    ...emptyGraph("classifier"),
    inputs: [tensorValue("x", DataType.FLOAT, ["n", WIDTH])],
    outputs,
    initializers: [
      floatTensor("w0", [WIDTH, HIDDEN], random.floats(WIDTH * HIDDEN, 1)),
      floatTensor("w1", [HIDDEN, 4], random.floats(4 * HIDDEN, 1)),
    ],
    nodes: [
      makeNode("MatMul", ["x", "w0"], ["h"], [], "first"),
      makeNode("Relu", ["h"], ["r"], [], "relu"),
      makeNode("MatMul", ["r", "w1"], ["scores"], [], "second"),
      ...nodes,
    ],
  };
  const opsetImports = [
    { domain: "", version: 17n },
    { domain: "ai.onnx.ml", version: 3n },
  ];
  return { irVersion: 8n, opsetImports, graph, functions: [], trainingInfo: [], deviceConfigurations: [] };
}

const data = (seed: number, count = 12) =>
  dataset(Array.from({ length: count }, (_, k) => oddFeed(new Random(seed * 100 + k), 2)));
const write = (model: Model, name = "m.onnx"): string => writeModel(model, join(folder.path, name)).path;
const label = makeNode(
  "ArgMax",
  ["scores"],
  ["label"],
  [attribute.int("axis", 1), attribute.int("keepdims", 0)],
);

describe("a run with data over", () => {
  it("random models with odd outputs looks at all that stands for them", { timeout: 120_000 }, async () => {
    for (const seed of [0, 5, 9]) {
      const odd = oddModel(seed);
      const { report } = await compress(withoutExpected(odd), {
        storage: "int8",
        calib: data(seed),
        packedSizes: false,
      });
      expect(Object.keys(report.fidelity!.outputs), `seed ${seed}`).toEqual(
        expect.arrayContaining([...odd.expected.keys()]),
      );
      expect(report.latency).not.toBeNull();
      expect(report.warnings.map(({ id }) => id)).not.toContain("verify/output-not-compared");
    }
  });

  it(
    "a classifier that ends in maps tunes, times and compares it by the scores",
    { timeout: 120_000 },
    async () => {
      const path = write(
        classifier(
          new Random(1),
          [label, zipMap("scores", "maps")],
          [tensorValue("label", DataType.INT64), scoreMaps("maps")],
        ),
      );
      const output = join(folder.path, "small.onnx");
      const { report } = await compress(path, { int8: true, calib: data(1, 24), output });
      expect(Object.keys(report.fidelity!.outputs)).toEqual(["label", "maps.values"]);
      expect(report.fidelity!.outputs["maps.values"]).toMatchObject({ agreement: null });
      expect(report.fidelity!.outputs["maps.values"]!.top1Agreement).toBeGreaterThan(0.8);
      expect(fidelityLines(report.fidelity!)[0]).toBe(
        "maps: compared by maps.values, because it is a sequence of maps from int64 to float",
      );
      expect(readModel(output).graph.outputs.map(({ name }) => name)).toEqual(["label", "maps"]);
    },
  );

  thoroughly("a model whose only output is a sequence works in every command", async () => {
    const path = write(
      classifier(
        new Random(2),
        [makeNode("SequenceConstruct", ["scores", "r"], ["seq"])],
        [floatSequence("seq")],
      ),
    );
    const { report } = await optimize(path, { eval: data(2) });
    expect(report.fidelity!.outputs).toMatchObject({
      "seq[0]": { sqnrDb: null },
      "seq[1]": { sqnrDb: null },
    });
    expect(
      (await verify(path, path, { eval: data(2), across: { samples: 2 } })).across?.combinations.map(
        ({ status }) => status,
      ),
    ).not.toContain("refused");
    expect((await bench([path], { data: data(2), runs: 5 })).models[0]!.runs).toBe(5);
    expect((await sensitivity(path, { calib: data(2) })).nodes.length).toBeGreaterThan(0);
    expect(await inspect(path, { run: true, dims: { n: 1 } })).toBeDefined();
  });

  it(
    "a model with an output that cannot be looked at compares the others and says which it is",
    { timeout: 60_000 },
    async () => {
      // A value bears the name that would be the stand-in's.
      const nodes = [
        makeNode("Identity", ["scores"], ["maps.values"]),
        zipMap("maps.values", "maps"),
        makeNode("Tanh", ["scores"], ["t"]),
      ];
      const { report } = await compress(
        classifier(new Random(3), nodes, [scoreMaps("maps"), tensorValue("t", DataType.FLOAT)]),
        { storage: "int8", eval: data(3) },
      );
      expect(Object.keys(report.fidelity!.outputs)).toEqual(["t"]);
      expect(report.warnings.filter(({ id }) => id === "verify/output-not-compared")).toMatchObject([
        { subject: "maps" },
      ]);
    },
  );
});

describe("a gate on decibels", () => {
  it("is met by the outputs of floats, whatever becomes of integers", { timeout: 60_000 }, async () => {
    const scaled = [label, makeNode("Cast", ["scores"], ["rounded"], [attribute.int("to", DataType.INT32)])];
    const outputs = [
      tensorValue("scores", DataType.FLOAT),
      tensorValue("rounded", DataType.INT32),
      tensorValue("label", DataType.INT64),
    ];
    const { report } = await compress(classifier(new Random(4), scaled, outputs), {
      storage: "int8",
      eval: data(4),
      minSqnr: 20,
      minAgreement: 0.5,
    });
    const { scores, rounded } = report.fidelity!.outputs;
    expect(rounded).toMatchObject({ sqnrDb: null, cosine: null });
    expect(report.verdict.gates).toMatchObject([
      { name: "minSqnrDb", ok: true, actual: scores!.sqnrDb },
      { name: "minAgreement", ok: true },
    ]);
    const labels = await compress(
      classifier(new Random(4), [label], [tensorValue("label", DataType.INT64)]),
      { storage: "int8", eval: data(4), minSqnr: 20 },
    );
    expect(labels.report.verdict.gates).toMatchObject([
      {
        ok: false,
        actual: null,
        message: expect.stringContaining('no output holds floats (see "minAgreement")') as string,
      },
    ]);
  });
});

describe("a Loop without rounds", () => {
  /**
   * Its body takes the shape of what it gives from a size that a pass makes a constant: more is known of it
   * then.
   */
  function loop(): Model {
    const body: Graph = {
      ...emptyGraph("body"),
      inputs: [tensorValue("i", DataType.INT64, []), tensorValue("c", DataType.BOOL, [])],
      outputs: [tensorValue("still", DataType.BOOL, []), tensorValue("given", DataType.FLOAT)],
      nodes: [
        makeNode("Identity", ["c"], ["still"]),
        makeNode("Shape", ["h"], ["size"]),
        makeNode("Gather", ["size", "last"], ["width"]),
        makeNode("Concat", ["rest", "width"], ["form"], [attribute.int("axis", 0)]),
        makeNode("Reshape", ["h", "form"], ["given"]),
      ],
    };
    const nodes = [makeNode("Loop", ["trips", ""], ["rounds"], [attribute.graph("body", body)])];
    const base = classifier(new Random(8), nodes, [
      tensorValue("scores", DataType.FLOAT),
      tensorValue("rounds", DataType.FLOAT),
    ]);
    base.graph.inputs.push(tensorValue("trips", DataType.INT64, []));
    base.graph.initializers.push(int64Tensor("last", [1]), int64Tensor("rest", [-1]));
    return base;
  }

  it("gives nothing, which is the same whatever shape it has", { timeout: 60_000 }, async () => {
    for (const trips of [0, 2]) {
      const feeds = Array.from({ length: 4 }, (_, k) => ({
        ...oddFeed(new Random(k), 2),
        trips: { dataType: DataType.INT64, dims: [], data: BigInt64Array.of(BigInt(trips)) },
      }));
      const { report } = await optimize(loop(), { eval: dataset(feeds) });
      expect(report.fidelity!.outputs.rounds).toMatchObject({ sqnrDb: null, maxAbsError: 0, otherSize: 0 });
      expect(report.warnings.map(({ id }) => id)).not.toContain("compress/pass-left-out");
    }
  });
});

it(
  "leaves out annotations of constants that passes have replaced, and says so",
  { timeout: 60_000 },
  async () => {
    const model = classifier(new Random(6), [], [tensorValue("scores", DataType.FLOAT)]);
    const annotation = (tensorName: string, value: string) => ({
      bytes: encodeMessage("TensorAnnotation", {
        tensorName,
        quantParameterTensorNames: [{ key: "SCALE_TENSOR", value }],
      }),
    });
    model.graph.initializers.push(floatTensor("scale", [], Float32Array.of(1)));
    model.graph.quantizationAnnotations = [annotation("h", "w1"), annotation("r", "scale")];
    const { model: small, report } = await compress(model, { storage: "int8", verify: false });
    const names = new Set(small.graph.initializers.map(({ name }) => name));
    expect(names.has("scale")).toBe(false);
    // The weight is computed from codes by now, and no constant any more.
    expect(names.has("w1")).toBe(false);
    expect(small.graph.quantizationAnnotations).toEqual([]);
    expect(report.warnings.map(({ id }) => id)).toContain("compress/stale-annotations");
  },
);

it(
  "says of a sequence among the inputs that no data can be fed, and works without",
  { timeout: 60_000 },
  async () => {
    const nodes = [
      makeNode("SequenceAt", ["seq", "first"], ["at"]),
      makeNode("Add", ["scores", "at"], ["y"]),
    ];
    const model = classifier(new Random(7), nodes, [tensorValue("y", DataType.FLOAT)]);
    model.graph.inputs.push(floatSequence("seq"));
    model.graph.initializers.push(int64Tensor("first", [0], []));
    const path = write(model);
    await expect(
      compress(path, { storage: "int8", calib: join(folder.path, "data.npz") }),
    ).rejects.toMatchObject({
      code: "BAD_DATA",
      message: expect.stringContaining('input "seq" is a sequence of float tensors') as string,
    });
    const { report } = await compress(path, { storage: "int8" });
    expect([report.fidelity, report.executed === null]).toEqual([null, false]);
    expect(report.warnings.find(({ id }) => id === "compress/no-data")?.message).toContain(
      "only accepts tensors",
    );
  },
);
