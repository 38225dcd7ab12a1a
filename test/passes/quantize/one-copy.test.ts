import { describe, expect, it } from "vitest";
import {
  allTensors,
  attribute,
  DataType,
  elementCount,
  emptyGraph,
  type Feed,
  floatTensor,
  type Graph,
  int64Tensor,
  integerTensor,
  makeNode,
  type Model,
  type Node,
  tensorValue,
  type Tensor,
} from "../../../src/ir/index.js";
import { encodeModelBytes } from "../../../src/onnx/index.js";
import { compress } from "../../../src/compress/compress.js";
import type { CompressOptions } from "../../../src/plan/compress-options.js";
import { assertValid } from "../../../src/ir/validate.js";
import { removeDead } from "../../../src/passes/graph/remove-dead.js";
import { clusterWeights } from "../../../src/passes/cluster/cluster-weights.js";
import { Random } from "../../support/random.js";
import { normalArray } from "../../support/seeded.js";
import { moversTo } from "../../support/movers.js";
import { CONTEXT, run as runModel } from "../../support/running.js";
import { executedOps, sqnr } from "./running.js";
import { run } from "../../support/int8-models.js";

/**
 * Rounding to 8 bits of uniform or normal weights leaves 42 dB and more (4 · 127² for a range that is
 * filled, less 6 dB where the guard against saturation doubles a scale), of normal activations about 40;
 * the sum of both errors 38, and of two steps of a loop, where the second reads the errors of the first,
 * 35.
 */
const LEAST_DB = 32;

type Axis = "rows" | "columns" | "float";

/** A reader of the table: the axis along which its scales lie, and its outputs. */
interface Reader {
  readonly axis: Axis;
  readonly nodes: Node[];
  readonly constants: Tensor[];
  readonly output: string;
}

const [ROWS, COLUMNS, BATCH] = [56, 40, 5] as const;

/** T [V, D] read in the k-th way: x is [5, D], z [5, V]. */
function reader(random: Random, kind: number, k: number): Reader {
  const y = `y${k}`;
  const moved = (isTransposed: boolean) => moversTo(random, `r${k}`, "t", [ROWS, COLUMNS], isTransposed);
  const plain = (axis: Axis, nodes: Node[], constants: Tensor[] = []): Reader => ({
    axis,
    nodes,
    constants,
    output: y,
  });
  switch (kind) {
    case 0:
      return plain("float", [makeNode("Gather", ["t", "ids"], [y], [], `gather${k}`)]);
    case 1: {
      const { nodes, constants, name } = moved(true);
      return plain("rows", [...nodes, makeNode("MatMul", ["x", name], [y], [], `product${k}`)], constants);
    }
    case 2:
      return plain("rows", [
        makeNode(
          "Gemm",
          ["x", "t"],
          [y],
          [attribute.int("transB", 1), attribute.float("alpha", random.pick([1, 0.5, -2]))],
          `gemm${k}`,
        ),
      ]);
    case 3: {
      const { nodes, constants, name } = moved(false);
      return plain("columns", [...nodes, makeNode("MatMul", ["z", name], [y], [], `product${k}`)], constants);
    }
    case 4:
      return plain("rows", [
        makeNode("Transpose", ["x"], [`x${k}`]),
        makeNode("MatMul", ["t", `x${k}`], [y], [], `left${k}`),
      ]);
    case 5: {
      const { nodes, constants, name } = moved(true);
      return plain(
        "rows",
        [...nodes, loopOf(makeNode("MatMul", ["x", name], [`b${k}`], [], `inner${k}`), `s${k}`, `b${k}`, y)],
        constants,
      );
    }
    default:
      return plain("columns", [
        loopOf(makeNode("MatMul", ["z", "t"], [`b${k}`], [], `inner${k}`), `s${k}`, `b${k}`, y),
      ]);
  }
}

/** Two turns of a loop whose body computes `node`, stacked. */
function loopOf(node: Node, stem: string, value: string, output: string): Node {
  const body: Graph = {
    ...emptyGraph("body"),
    nodes: [node, makeNode("Identity", [`${stem}_c`], [`${stem}_k`])],
    inputs: [tensorValue(`${stem}_i`, DataType.INT64, []), tensorValue(`${stem}_c`, DataType.BOOL, [])],
    outputs: [tensorValue(`${stem}_k`, DataType.BOOL, []), tensorValue(value, DataType.FLOAT)],
  };
  return makeNode("Loop", ["trip", ""], [output], [attribute.graph("body", body)], `loop_${stem}`);
}

function modelOf(readers: readonly Reader[], seed: number): Model {
  const graph: Graph = {
    ...emptyGraph("g"),
    nodes: structuredClone(readers.flatMap(({ nodes }) => nodes)),
    initializers: [
      floatTensor("t", [ROWS, COLUMNS], normalArray(ROWS * COLUMNS, seed, 0.1)),
      int64Tensor("trip", [2], []),
      ...readers.flatMap(({ constants }) => constants),
    ],
    inputs: [
      tensorValue("x", DataType.FLOAT, ["n", COLUMNS]),
      tensorValue("z", DataType.FLOAT, ["n", ROWS]),
      tensorValue("ids", DataType.INT64, ["n"]),
    ],
    outputs: readers.map(({ output }) => ({ name: output })),
  };
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    graph,
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
  };
}

const FEED: Feed = {
  x: { dataType: DataType.FLOAT, dims: [BATCH, COLUMNS], data: normalArray(BATCH * COLUMNS, 91) },
  z: { dataType: DataType.FLOAT, dims: [BATCH, ROWS], data: normalArray(BATCH * ROWS, 92) },
  ids: { dataType: DataType.INT64, dims: [BATCH], data: BigInt64Array.of(0n, 55n, 7n, 7n, 30n) },
};

function elementsOf(model: Model, type: DataType): number {
  return [...allTensors(model)]
    .filter(({ dataType, dims }) => dataType === type && dims.length > 1)
    .reduce((sum, tensor) => sum + elementCount(tensor), 0);
}

/**
 * The looked-up table that the output layer multiplies by, as exporters write tied weights: 8 bytes a value
 * in float.
 */
function tied(): Uint8Array {
  const [words, width] = [400, 48];
  const graph: Graph = {
    ...emptyGraph("g"),
    nodes: [
      makeNode("Gather", ["t", "ids"], ["e"], [], "look"),
      makeNode("Tanh", ["e"], ["h"]),
      makeNode("Transpose", ["t"], ["u"]),
      makeNode("MatMul", ["h", "u"], ["y"], [], "logits"),
    ],
    initializers: [floatTensor("t", [words, width], normalArray(words * width, 1, 0.2))],
    inputs: [tensorValue("ids", DataType.INT64, ["n", "m"])],
    outputs: [tensorValue("y", DataType.FLOAT)],
  };
  return encodeModelBytes({
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    graph,
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
  });
}

describe("a model with tied weights", () => {
  it.each<[string, CompressOptions, number]>([
    ["one byte a value and a scale a word in int8", { int8: true, keepInt8: true }, 400 * 48 + 400 * 4],
    ["a byte a value as well with int8 storage", { storage: "int8" }, 400 * 48 + 400 * 4],
    [
      "half a byte with 16 values, though Transpose stays a node",
      { cluster: 16, prune: 0.5 },
      (400 * 48) / 2 + 16 * 4,
    ],
    [
      "half a byte with 16 values of int8",
      { int8: true, keepInt8: true, cluster: 16 },
      (400 * 48) / 2 + 400 * 4 + 16,
    ],
    [
      "half a byte with codes of four bits",
      { int8: true, keepInt8: true, weightBits: 4 },
      (400 * 48) / 2 + 400 * 4 + 16,
    ],
  ])("takes %s", async (_, options, bytes) => {
    const { report } = await compress(tied(), { ...options, verify: false });
    expect(report.size.compressed.raw).toBeGreaterThan(bytes);
    // Names, operators and shapes.
    expect(report.size.compressed.raw).toBeLessThan(bytes + 1800);
  });

  it("keeps the floats of what is looked up where constants are to be plain", async () => {
    const { model } = await compress(tied(), { int8: true, keepInt8: true, storage: "plain", verify: false });
    expect([elementsOf(model, DataType.INT8), elementsOf(model, DataType.FLOAT)]).toEqual([
      400 * 48,
      400 * 48,
    ]);
  });
});

describe("a table that several nodes read", () => {
  it("is held once for each axis that scales lie along, and gives what float gives", async () => {
    const random = new Random(2024);
    for (let round = 0; round < 24; round++) {
      const readers = Array.from({ length: random.within(2, 5) }, (_, k) =>
        reader(random, random.below(7), k),
      );
      const kinds = readers.map(
        ({ axis, nodes }) => `${axis} ${nodes.map(({ opType }) => opType).join(" ")}`,
      );
      const groups = new Set(readers.map(({ axis }) => axis).filter((axis) => axis !== "float")).size;
      if (groups === 0) continue;
      const before = await runModel(modelOf(readers, round), FEED);
      const model = modelOf(readers, round);
      await run(model);
      await removeDead().run(model, CONTEXT);
      assertValid(model, "after int8");
      expect([
        kinds,
        elementsOf(model, DataType.INT8),
        elementsOf(model, DataType.FLOAT) < ROWS * COLUMNS,
      ]).toEqual([kinds, groups * ROWS * COLUMNS, true]);
      for (const level of ["disabled", "all"] as const) {
        const after = await runModel(model, FEED, level);
        for (const { output } of readers)
          expect(
            sqnr([...(before[output]!.data as Float32Array)], [...(after[output]!.data as Float32Array)]),
          ).toBeGreaterThan(LEAST_DB);
      }
    }
  });

  it("computes in int8 kernels behind a Transpose that onnxruntime folds, in a body too", async () => {
    const random = new Random(5);
    const model = modelOf([reader(random, 0, 0), reader(random, 1, 1), reader(random, 5, 3)], 1);
    await run(model);
    const left = await executedOps(model);
    expect(left.filter((opType) => opType === "DynamicQuantizeMatMul")).toHaveLength(2);
    expect(
      left.filter((opType) => ["Transpose", "MatMulInteger", "MatMul", "Gemm"].includes(opType)),
    ).toEqual([]);
  });

  it("says so where two copies are needed", async () => {
    const model = modelOf([reader(new Random(1), 2, 0), reader(new Random(1), 6, 1)], 1);
    const { nodes } = await run(model);
    expect(nodes.map(({ name, reason }) => `${name}: ${reason}`)).toContain(
      "t: stored as int8 2 times: its layers need scales along different axes, or of different sizes",
    );
  });

  it.each<[string, Parameters<typeof run>[2], number]>([
    ["the reader of floats is excluded", { exclude: ["gather0"] }, 1],
    ["one copy is not wanted", { oneCopy: false }, 1],
    ["the layer is excluded", { exclude: ["gemm1"] }, 0],
    ["the constant is excluded", { exclude: ["t"] }, 0],
  ])("stays in float beside its codes where %s", async (_, options, copies) => {
    const model = modelOf([reader(new Random(1), 0, 0), reader(new Random(1), 2, 1)], 1);
    await run(model, undefined, options);
    expect([
      elementsOf(model, DataType.INT8),
      model.graph.initializers.some(({ name, dataType }) => name === "t" && dataType === DataType.FLOAT),
    ]).toEqual([copies * ROWS * COLUMNS, true]);
  });

  it("stays in float behind nodes that move its values where it is excluded", async () => {
    const model = modelOf([reader(new Random(3), 1, 0), reader(new Random(4), 1, 1)], 1);
    expect((await run(model, undefined, { exclude: ["t"] })).nodes.map(({ reason }) => reason)).toEqual([
      "excluded",
      "excluded",
    ]);
  });

  it.each([
    [[], 1],
    [["gemm1"], 0],
  ])(
    "beside a layer that a search leaves in float (%j), is read from %i float copies",
    async (leftInFloat, copies) => {
      const model = modelOf([reader(new Random(1), 5, 0), reader(new Random(1), 2, 1)], 1);
      await run(model, undefined, { exclude: ["gemm1"], leftInFloat });
      await removeDead().run(model, CONTEXT);
      const floats = model.graph.initializers.filter(
        ({ name, dataType }) => name === "t" && dataType === DataType.FLOAT,
      );
      expect([elementsOf(model, DataType.INT8), floats.length]).toEqual([ROWS * COLUMNS, copies]);
    },
  );

  it("stays in float where the graph hands it out", async () => {
    const model = modelOf([reader(new Random(1), 0, 0), reader(new Random(1), 2, 1)], 1);
    model.graph.outputs.push({ name: "t" });
    await run(model);
    expect(
      model.graph.initializers.some(({ name, dataType }) => name === "t" && dataType === DataType.FLOAT),
    ).toBe(true);
  });

  it("is clustered as codes, once, though some read it as floats", async () => {
    const model = modelOf([reader(new Random(1), 0, 0), reader(new Random(1), 1, 1)], 1);
    await run(model);
    await removeDead().run(model, CONTEXT);
    await clusterWeights({ k: 8 }).run(model, CONTEXT);
    const codes = model.graph.initializers.find(
      ({ dataType, dims }) => dataType === DataType.INT8 && dims.length === 2,
    )!;
    expect(new Set(codes.raw).size).toBeLessThanOrEqual(8);
  });

  it("of an LSTM in a loop and outside lies around the loop once", async () => {
    const [hidden, width] = [16, 24];
    const weights = (): Tensor[] => [
      floatTensor("w", [1, 4 * hidden, width], normalArray(4 * hidden * width, 1, 0.2)),
      floatTensor("r", [1, 4 * hidden, hidden], normalArray(4 * hidden * hidden, 2, 0.2)),
    ];
    const lstm = (output: string): Node =>
      makeNode("LSTM", ["s", "w", "r"], [output], [attribute.int("hidden_size", hidden)], `lstm_${output}`);
    const make = (): Model => {
      const model = modelOf([], 1);
      model.graph.inputs = [tensorValue("s", DataType.FLOAT, [3, 1, width])];
      model.graph.nodes = [loopOf(lstm("inner"), "l", "inner", "y0"), lstm("y1")];
      model.graph.initializers = [...weights(), int64Tensor("trip", [2], [])];
      model.graph.outputs = [{ name: "y0" }, { name: "y1" }];
      return model;
    };
    const feed: Feed = {
      s: { dataType: DataType.FLOAT, dims: [3, 1, width], data: normalArray(3 * width, 3) },
    };
    const [before, model] = [await runModel(make(), feed), make()];
    await run(model);
    await removeDead().run(model, CONTEXT);
    // Zero points, [1, 4·hidden], are int8 as well.
    expect(elementsOf(model, DataType.INT8)).toBe(4 * hidden * (width + hidden) + 4 * hidden);
    const after = await runModel(model, feed);
    for (const name of ["y0", "y1"])
      expect(
        sqnr([...(before[name]!.data as Float32Array)], [...(after[name]!.data as Float32Array)]),
      ).toBeGreaterThan(LEAST_DB);
  });
});

it("reads a weight in 16 bits through the Cast that widens it", async () => {
  const model = modelOf([], 1);
  const bits = Uint16Array.from(
    new Uint32Array(normalArray(ROWS * COLUMNS, 4, 0.1).buffer),
    (word) => word >>> 16,
  );
  model.graph.initializers = [integerTensor("h", [COLUMNS, ROWS], DataType.BFLOAT16, bits)];
  model.graph.nodes = [
    makeNode("Cast", ["h"], ["w"], [attribute.int("to", DataType.FLOAT)]),
    makeNode("MatMul", ["x", "w"], ["y"], [], "product"),
  ];
  model.graph.outputs = [{ name: "y" }];
  const before = await runModel(structuredClone(model), FEED);
  expect((await run(model)).nodes).toMatchObject([{ name: "product", status: "changed" }]);
  const after = await runModel(model, FEED);
  expect(sqnr([...(before.y!.data as Float32Array)], [...(after.y!.data as Float32Array)])).toBeGreaterThan(
    LEAST_DB,
  );
});
