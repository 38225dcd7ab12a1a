import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  makeNode,
  tensorValue,
  type Model,
} from "../../src/ir/index.js";
import { compress, optimize, readModel, writeModel, type CompressOptions } from "../../src/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { dataset } from "../support/feed-models.js";
import { seededFloats } from "../support/running.js";
import { edgec, fixture } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { thoroughly } from "../support/thorough.js";

const temporary = temporaryFolder();
const inFolder = (name: string): string => join(temporary.path, name);

/** Nothing of it can be left out, and raising its operator set makes inputs of attributes. */
function oldModel(): Model {
  return {
    irVersion: 6n,
    opsetImports: [{ domain: "", version: 11n }],
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    graph: {
      ...emptyGraph("g"),
      inputs: [tensorValue("x", DataType.FLOAT, [2, 8])],
      outputs: [tensorValue("y", DataType.FLOAT, [1, 2, 16])],
      initializers: [floatTensor("w", [8, 16], seededFloats(128))],
      nodes: [
        makeNode("MatMul", ["x", "w"], ["p"]),
        makeNode("Relu", ["p"], ["r"]),
        makeNode("Unsqueeze", ["r"], ["y"], [attribute.ints("axes", [0])]),
      ],
    },
  };
}

/** Too few weights to pay for the scales of int8. */
function oldConvolutions(): Model {
  const old = oldModel();
  const weights = ["v", "w"].map((name, k) => floatTensor(name, [2, 2, 1, 1], seededFloats(4, k + 1)));
  old.graph = {
    ...old.graph,
    inputs: [tensorValue("x", DataType.FLOAT, [1, 2, 8, 8])],
    outputs: [tensorValue("y", DataType.FLOAT, [1, 1, 2, 8, 8])],
    initializers: weights,
    nodes: [
      makeNode("Conv", ["x", "v"], ["p"]),
      makeNode("Relu", ["p"], ["r"]),
      makeNode("Conv", ["r", "w"], ["q"]),
      makeNode("Unsqueeze", ["q"], ["y"], [attribute.ints("axes", [0])]),
    ],
  };
  return old;
}

function written(name: string, options = {}): string {
  writeModel(oldModel(), inFolder(name), options);
  return inFolder(name);
}

describe("a result that would be larger", () => {
  it("is replaced by the input's own bytes, and the report says so", async () => {
    const input = written("in.onnx");
    const { report, model } = await compress(input, { output: inFolder("out.onnx") });
    expect(Buffer.compare(readFileSync(inFolder("out.onnx")), readFileSync(input))).toBe(0);
    const { raw } = report.size.original;
    expect([
      report.size.compressed.raw,
      report.size.ratio,
      report.passes,
      report.nodes,
      report.verdict.ok,
    ]).toEqual([raw, 1, [], [], true]);
    expect(report.unchanged?.wouldBe).toBeGreaterThan(raw);
    expect([report.fidelity?.outputs.y?.maxAbsError, report.latency?.speedup]).toEqual([0, 1]);
    expect(report.warnings.map(({ id }) => id)).toEqual(["compress/random-feeds", "compress/unchanged"]);
    expect(report.warnings[1]?.message).toMatch(
      /^The output is the unchanged input, because the result would be larger \(\d+ B against \d+ B\)\.$/,
    );
    expect(Buffer.compare(encodeModelBytes(model), readFileSync(input))).toBe(0);
  });

  it("is replaced in memory too, where the model is given as bytes", async () => {
    const bytes = encodeModelBytes(oldModel());
    const result = await compress(bytes, { verify: false });
    expect(Buffer.compare(result.bytes(), bytes)).toBe(0);
    expect(result.report.unchanged).toBeDefined();
  });

  it(
    "is measured against the gates as what is written: an unchanged model is not slower " + "and not smaller",
    async () => {
      const input = written("in.onnx");
      const { verdict, size } = (
        await compress(input, { output: inFolder("out.onnx"), maxSize: 100, maxSlowdown: 0, minSqnr: 60 })
      ).report;
      expect(verdict.gates.map(({ name, ok }) => [name, ok])).toEqual(
        expect.arrayContaining([
          ["maxSize", size.compressed.raw <= 100],
          ["maxSlowdown", true],
          ["minSqnrDb", true],
        ]),
      );
      expect(verdict.ok).toBe(false);
    },
  );

  it("keeps its data outside, in a file of the output's name, and is complete", async () => {
    const input = written("in.onnx", { externalData: true });
    const { report } = await compress(input, { output: inFolder("out.onnx"), externalData: true });
    // Other bytes than the input's, so they bear the mark: an entry of metadata of 24 bytes.
    expect(report.size.compressed.raw).toBeLessThanOrEqual(report.size.original.raw + 24);
    expect(report.fidelity?.outputs.y?.maxAbsError).toBe(0);
    const sizeOf = (name: string): number => statSync(inFolder(name), { throwIfNoEntry: false })?.size ?? 0;
    expect(sizeOf("out.onnx") + sizeOf("out.onnx.data")).toBe(report.size.compressed.raw);
  });

  thoroughly("is told at the terminal, and the run is done", async () => {
    const { code, stdout } = await edgec([
      "optimize",
      fixture("models/lenet.onnx"),
      "-o",
      inFolder("same.onnx"),
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/written: /);
    const unchanged = await edgec(["compress", written("in.onnx"), "-o", inFolder("out.onnx")]);
    expect(unchanged.code).toBe(0);
    expect(unchanged.stdout).toMatch(
      /warning: The output is the unchanged input[^\n]*\n\nwritten, unchanged: .*out\.onnx/,
    );
  });
});

describe("a result that is larger by what was asked for", () => {
  it.each([["a pass by name", { passes: "upgrade-opset" }]] as [string, CompressOptions][])(
    "stays: %s",
    async (_, options) => {
      const { report } = await compress(written("in.onnx"), { ...options, output: inFolder("out.onnx") });
      expect(report.unchanged).toBeUndefined();
      expect(report.size.compressed.raw).toBeGreaterThan(report.size.original.raw);
    },
  );

  thoroughly("stays as far as it was asked for, without what other passes add to it", async () => {
    const input = inFolder("in.onnx");
    writeModel(oldConvolutions(), input);
    const calib = dataset(
      Array.from({ length: 8 }, (_, k) => ({
        x: { dataType: DataType.FLOAT, dims: [1, 2, 8, 8], data: seededFloats(128, k + 1) },
      })),
    );
    const alone = await compress(input, { passes: "upgrade-opset", output: inFolder("alone.onnx") });
    const { report, model } = await compress(input, {
      passes: ["upgrade-opset", "quantize-int8"],
      calib,
      output: inFolder("out.onnx"),
    });
    expect(Buffer.compare(readFileSync(inFolder("out.onnx")), readFileSync(inFolder("alone.onnx")))).toBe(0);
    expect(report.size.compressed.raw).toBe(alone.report.size.compressed.raw);
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(["Conv", "Relu", "Conv", "Unsqueeze"]);
    expect(report.warnings.find(({ id }) => id === "compress/others-left-out")?.message).toMatch(
      /^Only upgrade-opset ran, because the other passes would make the result larger \(\d+ B against \d+ B\)\.$/,
    );
  });

  it("stays: plain storage of a file of codes", async () => {
    await compress(fixture("models/lenet.onnx"), {
      storage: "int8",
      output: inFolder("small.onnx"),
      verify: false,
    });
    const { report } = await compress(inFolder("small.onnx"), {
      storage: "plain",
      output: inFolder("plain.onnx"),
      verify: false,
    });
    expect(report.unchanged).toBeUndefined();
    const { graph, functions } = readModel(inFolder("plain.onnx"));
    expect([functions.length, graph.nodes.map(({ opType }) => opType).filter((op) => op === "Cast")]).toEqual(
      [0, []],
    );
    expect(report.size.compressed.raw).toBeGreaterThan(3 * report.size.original.raw);
  });
});

it("optimize of what compress has stored changes nothing", async () => {
  await compress(fixture("models/lenet.onnx"), {
    storage: "int8",
    output: inFolder("small.onnx"),
    verify: false,
  });
  const { report } = await optimize(inFolder("small.onnx"), { output: inFolder("again.onnx") });
  expect(report.size.ratio).toBeGreaterThanOrEqual(1);
  expect(Object.values(report.fidelity?.outputs ?? {}).map(({ maxAbsError }) => maxAbsError)).toEqual([0]);
});
