import { describe, expect, it } from "vitest";
import * as ort from "onnxruntime-node";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  integerTensor,
  int64Tensor,
  makeNode,
  tensorValue,
} from "../../../src/ir/index.js";
import type { Model, Tensor } from "../../../src/ir/index.js";
import { encodeModelBytes } from "../../../src/onnx/index.js";
import { encodeWeights } from "../../../src/passes/encode/encode-weights.js";
import { CONTEXT, execute, LEVELS, modelOf, prunedValues, seeded, tinyModel } from "./tiny-models.js";

const DIMS = [64, 64, 3, 3];
const COUNT = 64 * 64 * 9;

function convModel(weight: Tensor, opset: number): Model {
  return tinyModel(opset, {
    inputs: [tensorValue("x", DataType.FLOAT, [1, 64, 8, 8])],
    outputs: [tensorValue("y", DataType.FLOAT, [1, 64, 6, 6])],
    nodes: [makeNode("Conv", ["x", "w"], ["y"])],
    initializers: [weight],
  });
}

function noise(dims: readonly number[]): ort.Tensor {
  const random = seeded(7);
  return new ort.Tensor(
    "float32",
    Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random() - 0.5),
    dims,
  );
}

describe("the form chosen for Conv 64×64×3×3 (147,586 bytes dense)", () => {
  it.each([
    ["16 values", 0, 16, 13, "codebook", 18_760],
    ["16 values", 0, 16, 21, "codebook", 18_670],
    ["4 values", 0, 4, 13, "codebook", 9_550],
    ["60 % zeros, 15 values", 0.6, 15, 13, "mask", 12_730],
    ["80 % zeros, 15 values", 0.8, 15, 13, "gaps", 8_250],
    ["95 % zeros, 15 values", 0.95, 15, 13, "gaps", 3_050],
    ["90 % zeros, all different", 0.9, 0, 13, "gaps", 18_200],
  ])("%s, sparsity %d, %d levels, operator set %i", async (_, sparsity, levels, opset, kind, most) => {
    const model = convModel(floatTensor("w", DIMS, prunedValues(COUNT, sparsity, levels)), opset);
    const feeds = { x: noise([1, 64, 8, 8]) };
    const before = await execute(model, "all", feeds);
    const { stats } = await encodeWeights().run(model, CONTEXT);
    expect(stats).toMatchObject({ encodedTensors: 1, [`${kind}Tensors`]: 1 });
    expect(encodeModelBytes(model).byteLength).toBeLessThanOrEqual(most);
    const after = await execute(model, "all", feeds);
    expect(after.operators).toEqual(before.operators);
    expect(after.outputs.y?.data).toEqual(before.outputs.y?.data);
  });

  it("is dense when nothing is smaller", async () => {
    const model = convModel(floatTensor("w", DIMS, prunedValues(COUNT, 0, 0)), 17);
    const bytes = encodeModelBytes(model);
    const { modified, nodes } = await encodeWeights().run(model, CONTEXT);
    expect(modified).toBe(false);
    expect(nodes).toEqual([
      { name: "w", opType: "Conv", status: "kept", reason: "dense is smallest: 147477 bytes" },
    ]);
    expect(Buffer.compare(encodeModelBytes(model), bytes)).toBe(0);
  });
});

describe("the report", () => {
  it("gives bytes before and after that are those of the file", async () => {
    const model = modelOf(floatTensor("w", [40, 40], prunedValues(1600, 0.8, 15)), 17);
    const before = encodeModelBytes(model).byteLength;
    const { stats, nodes } = await encodeWeights().run(model, CONTEXT);
    // The graph's own length takes two bytes before and after.
    expect(before - encodeModelBytes(model).byteLength).toBe(
      (stats.bytesBefore ?? 0) - (stats.bytesAfter ?? 0),
    );
    expect(nodes[0]?.reason).toMatch(
      /^15 values among a background, steps below 16, 8 bits per entry: 6415 → \d+ bytes$/,
    );
  });
});

describe("chains of one graph", () => {
  const stack = (count: number): Model =>
    tinyModel(17, {
      inputs: [tensorValue("x", DataType.FLOAT, [1, 40])],
      outputs: [tensorValue("y", DataType.FLOAT, [40 * count + 1, 40])],
      nodes: [
        makeNode(
          "Concat",
          [...Array(count).keys()].map((k) => `w${k}`).concat("x"),
          ["y"],
          [attribute.int("axis", 0)],
        ),
      ],
      initializers: [...Array(count).keys()].map((k) =>
        floatTensor(`w${k}`, [40, 40], prunedValues(1600, 0.8, 15, k + 1)),
      ),
    });

  it("share their small constants", async () => {
    const [one, two] = [stack(1), stack(2)];
    for (const model of [one, two]) await encodeWeights({ functions: false }).run(model, CONTEXT);
    // Entries and a table each; radix, axis, length and shape once.
    expect(one.graph.initializers).toHaveLength(6);
    expect(two.graph.initializers).toHaveLength(8);
  });

  it("become calls of a function once that is smaller, which onnxruntime inlines and folds", async () => {
    const [inline, called] = [stack(4), stack(4)];
    const before = await execute(inline, "all");
    await encodeWeights({ functions: false }).run(inline, CONTEXT);
    const { stats } = await encodeWeights().run(called, CONTEXT);
    expect(called.functions).toHaveLength(1);
    expect(called.graph.nodes.map((node) => node.opType)).toEqual(["A", "A", "A", "A", "Concat"]);
    expect(called.irVersion).toBe(8n);
    expect(encodeModelBytes(called).byteLength).toBeLessThan(encodeModelBytes(inline).byteLength);
    expect(encodeModelBytes(stack(4)).byteLength - encodeModelBytes(called).byteLength).toBe(
      (stats.bytesBefore ?? 0) - (stats.bytesAfter ?? 0) + 1,
    );
    for (const level of LEVELS) {
      const after = await execute(called, level);
      expect(after.outputs.y?.data).toEqual(before.outputs.y?.data);
      if (level !== "disabled") expect(after.operators).toEqual(["Concat"]);
    }
  });

  it("are the same bytes every time", async () => {
    const [one, two] = [stack(5), stack(5)];
    for (const model of [one, two]) await encodeWeights().run(model, CONTEXT);
    expect(Buffer.compare(encodeModelBytes(one), encodeModelBytes(two))).toBe(0);
  });

  it("never take a name of the model", async () => {
    const model = stack(2);
    model.graph.nodes.push(makeNode("Identity", ["x"], ["e1"]), makeNode("Identity", ["x"], ["c0"]));
    await encodeWeights().run(model, CONTEXT);
    const made = [
      ...model.graph.initializers.map((tensor) => tensor.name),
      ...model.graph.nodes.flatMap((node) => node.outputs),
    ];
    expect(new Set(made).size).toBe(made.length);
  });
});

describe("what stays as it is", () => {
  const pruned = (name: string): Tensor => floatTensor(name, [40, 40], prunedValues(1600, 0.8, 15));

  it.each<[string, (model: Model) => void, RegExp]>([
    [
      "graph outputs",
      (m) => m.graph.outputs.push(tensorValue("w", DataType.FLOAT, [40, 40])),
      /graph output/,
    ],
    [
      "defaults of graph inputs",
      (m) => m.graph.inputs.push(tensorValue("w", DataType.FLOAT, [40, 40])),
      /default of a graph input/,
    ],
    ["what nothing uses", (m) => (m.graph.nodes[0] = makeNode("Identity", ["x"], ["y"])), /no node uses it/],
    [
      "inputs of custom operators",
      (m) => (m.graph.nodes[0] = { ...makeNode("Own", ["w"], ["y"]), domain: "com.example" }),
      /feeds com\.example\.Own/,
    ],
  ])("%s", async (_, change, reason) => {
    const model = modelOf(pruned("w"), 17);
    change(model);
    const { modified, nodes } = await encodeWeights().run(model, CONTEXT);
    expect(modified).toBe(false);
    expect(nodes[0]?.reason).toMatch(reason);
  });

  it("everything with plain storage", async () => {
    const model = modelOf(pruned("w"), 17);
    expect(await encodeWeights({ storage: "plain" }).run(model, CONTEXT)).toMatchObject({
      modified: false,
      nodes: [],
    });
  });

  it("everything before operator set 11, with the bytes that raising it would save", async () => {
    const model = modelOf(pruned("w"), 10);
    const { modified, diagnostics } = await encodeWeights().run(model, CONTEXT);
    expect(modified).toBe(false);
    expect(diagnostics).toEqual([
      expect.objectContaining({
        id: "encode-weights/old-opset",
        message: expect.stringMatching(
          /operator set 10.*Upgrade it to 11 or later to save \d{4} bytes/,
        ) as string,
      }),
    ]);
  });

  it("tensors beyond what onnxruntime folds", async () => {
    const huge: Tensor = {
      name: "w",
      dims: [2 ** 28, 1],
      dataType: DataType.FLOAT,
      external: { location: "w.bin", offset: 0, length: 2 ** 30, load: () => new Uint8Array() },
    };
    const { modified, diagnostics } = await encodeWeights().run(modelOf(huge, 17), CONTEXT);
    expect(modified).toBe(false);
    expect(diagnostics).toEqual([expect.objectContaining({ id: "encode-weights/too-large", subject: "w" })]);
  });

  it("excluded tensors and those of excluded nodes; a name that matches nothing is refused", async () => {
    for (const name of ["w", "y"])
      expect(await encodeWeights({ exclude: [name] }).run(modelOf(pruned("w"), 17), CONTEXT)).toMatchObject({
        modified: false,
      });
    await expect(
      encodeWeights({ exclude: ["wx"] }).run(modelOf(pruned("weight"), 17), CONTEXT),
    ).rejects.toMatchObject({ code: "UNMATCHED_SELECTOR" });
  });
});

describe("operators that read constants in a special way", () => {
  it("int8 before DequantizeLinear stays QLinearConv", async () => {
    const codes = Int8Array.from(prunedValues(32 * 16 * 9, 0.8, 15), (value) => Math.round(value * 120));
    const scalar = (name: string, value: number): Tensor => floatTensor(name, [], Float32Array.of(value));
    const quantize = (from: string, to: string, zero: string): ReturnType<typeof makeNode>[] => [
      makeNode("QuantizeLinear", [from, "s", zero], [`${to}_q`]),
      makeNode("DequantizeLinear", [`${to}_q`, "s", zero], [to]),
    ];
    const model = tinyModel(13, {
      inputs: [tensorValue("x", DataType.FLOAT, [1, 16, 8, 8])],
      outputs: [tensorValue("y", DataType.FLOAT, [1, 32, 6, 6])],
      nodes: [
        ...quantize("x", "xd", "z"),
        makeNode("DequantizeLinear", ["w", "ws", "wz"], ["wd"], [attribute.int("axis", 0)]),
        makeNode("Conv", ["xd", "wd"], ["c"]),
        ...quantize("c", "y", "z"),
      ],
      initializers: [
        integerTensor("w", [32, 16, 3, 3], DataType.INT8, codes),
        floatTensor("ws", [32], new Float32Array(32).fill(0.02)),
        integerTensor("wz", [32], DataType.INT8, new Int8Array(32)),
        scalar("s", 0.05),
        integerTensor("z", [], DataType.UINT8, Uint8Array.of(128)),
      ],
    });
    const feeds = { x: noise([1, 16, 8, 8]) };
    const before = await execute(model, "all", feeds);
    expect(await encodeWeights().run(model, CONTEXT)).toMatchObject({ stats: { gapsTensors: 1 } });
    const after = await execute(model, "all", feeds);
    expect(after.operators).toEqual(before.operators);
    expect(after.operators).toContain("QLinearConv");
    expect(after.outputs.y?.data).toEqual(before.outputs.y?.data);
  });

  it("recurrent weights", async () => {
    const model = tinyModel(17, {
      inputs: [tensorValue("x", DataType.FLOAT, [5, 1, 24])],
      outputs: [tensorValue("y", DataType.FLOAT, [5, 1, 1, 32])],
      nodes: [makeNode("LSTM", ["x", "w", "r"], ["y"], [attribute.int("hidden_size", 32)])],
      initializers: [
        floatTensor("w", [1, 128, 24], prunedValues(128 * 24, 0, 16)),
        floatTensor("r", [1, 128, 32], prunedValues(128 * 32, 0.85, 15)),
      ],
    });
    const feeds = { x: noise([5, 1, 24]) };
    const before = await execute(model, "all", feeds);
    expect(await encodeWeights().run(model, CONTEXT)).toMatchObject({
      stats: { codebookTensors: 1, gapsTensors: 1 },
    });
    const after = await execute(model, "all", feeds);
    expect(after.operators).toEqual(["LSTM"]);
    expect(after.outputs.y?.data).toEqual(before.outputs.y?.data);
  });

  it.each(["inner", "outer"])("a branch of If that uses a constant of the %s graph", async (where) => {
    const weight = floatTensor("w", [24, 40], prunedValues(960, 0.8, 15));
    const branch = (name: string, op: string): ReturnType<typeof attribute.graph> =>
      attribute.graph(name, {
        ...emptyGraph(name),
        initializers: where === "inner" && op === "MatMul" ? [weight] : [],
        nodes:
          op === "MatMul"
            ? [makeNode("MatMul", ["x", "w"], [`${name}_y`])]
            : [makeNode("Expand", ["x0", "shape"], [`${name}_y`])],
        outputs: [tensorValue(`${name}_y`, DataType.FLOAT, [1, 40])],
      });
    const model = tinyModel(17, {
      inputs: [tensorValue("x", DataType.FLOAT, [1, 24]), tensorValue("x0", DataType.FLOAT, [1])],
      outputs: [tensorValue("y", DataType.FLOAT, [1, 40])],
      nodes: [
        makeNode("ReduceMax", ["x"], ["m"], [attribute.int("keepdims", 0)]),
        makeNode("Greater", ["m", "x0"], ["big"]),
        makeNode("If", ["big"], ["y"], [branch("then_branch", "MatMul"), branch("else_branch", "Expand")]),
      ],
      initializers: [int64Tensor("shape", [1, 40]), ...(where === "outer" ? [weight] : [])],
    });
    const feeds = { x: noise([1, 24]), x0: new ort.Tensor("float32", Float32Array.of(0), [1]) };
    const before = await execute(model, "all", feeds);
    expect(await encodeWeights().run(model, CONTEXT)).toMatchObject({ stats: { encodedTensors: 1 } });
    const after = await execute(model, "all", feeds);
    expect(after.operators).toEqual(before.operators);
    expect(after.outputs.y?.data).toEqual(before.outputs.y?.data);
  });
});
