/** Every conversion against the only witness there is: old and new model give the same in onnxruntime. */
import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  int64Tensor,
  makeNode,
  opsetVersion,
  tensorValue,
  type Feed,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import { assertValid } from "../../src/ir/validate.js";
import { upgradeOpset } from "../../src/ops/upgrade/upgrade-opset.js";
import { difference, floats, int64s, run } from "../support/running.js";
import { modelAt } from "../support/old-models.js";

const { int, ints, float, floats: floatList, string } = attribute;
const X = { x: floats([2, 3, 4, 5]) };

interface Case {
  readonly what: string;
  readonly from: number;
  readonly nodes: Node[];
  readonly feed?: Feed;
  readonly constants?: Tensor[];
  readonly outputs?: string[];
  readonly upTo?: number;
}

/** y = op(x, …) */
function op(
  opType: string,
  attributes: Parameters<typeof makeNode>[3] = [],
  more: string[] = [],
  outputs: string[] = ["y"],
): Node[] {
  return [makeNode(opType, ["x", ...more], outputs, attributes)];
}

const half = {
  x: { dataType: DataType.FLOAT16, dims: [4], data: Uint16Array.of(0x3c00, 0xbc00, 0x4900, 0x0000) },
};
const CHANNEL = ["s", "b", "m", "v"].map((name, k) => floatTensor(name, [3], Float32Array.of(1 + k, 0.5, 2)));

const CASES: Case[] = [
  {
    what: "Squeeze",
    from: 11,
    nodes: op("Squeeze", [ints("axes", [0, 2])]),
    feed: { x: floats([1, 3, 1, 2]) },
  },
  {
    what: "Squeeze of every axis of size one",
    from: 7,
    nodes: op("Squeeze"),
    feed: { x: floats([1, 3, 1, 2]) },
  },
  { what: "Unsqueeze", from: 7, nodes: op("Unsqueeze", [ints("axes", [0, 3])]) },
  { what: "ReduceSum", from: 7, nodes: op("ReduceSum", [ints("axes", [1, 3]), int("keepdims", 0)]) },
  { what: "ReduceSum over all axes", from: 11, nodes: op("ReduceSum") },
  { what: "ReduceMean", from: 7, nodes: op("ReduceMean", [ints("axes", [2])]) },
  { what: "ReduceMax", from: 13, nodes: op("ReduceMax", [ints("axes", [-1])]) },
  { what: "ReduceL2 over all axes", from: 11, nodes: op("ReduceL2", [ints("axes", [])]) },
  {
    what: "Split in given sizes",
    from: 7,
    nodes: op("Split", [int("axis", 2), ints("split", [1, 3])], [], ["y", "z"]),
  },
  { what: "Split in equal parts", from: 11, nodes: op("Split", [int("axis", 2)], [], ["y", "z"]) },
  { what: "Softmax over the axes after the first", from: 7, nodes: op("Softmax") },
  { what: "Softmax over the last axis", from: 11, nodes: op("Softmax", [int("axis", 3)]) },
  { what: "LogSoftmax over two axes", from: 11, nodes: op("LogSoftmax", [int("axis", -2)]) },
  { what: "Hardmax over three axes", from: 7, nodes: op("Hardmax") },
  {
    what: "Softmax of scores [N, C, 1, 1]",
    from: 11,
    nodes: op("Softmax"),
    feed: { x: floats([2, 3, 1, 1]) },
  },
  {
    what: "Slice",
    from: 7,
    nodes: op("Slice", [ints("starts", [1, -3]), ints("ends", [3, 100]), ints("axes", [1, 3])]),
  },
  { what: "Slice without axes", from: 9, nodes: op("Slice", [ints("starts", [0, 1]), ints("ends", [2, 2])]) },
  { what: "Clip with both bounds", from: 7, nodes: op("Clip", [float("min", -0.25), float("max", 0.5)]) },
  { what: "Clip from above only", from: 10, nodes: op("Clip", [float("max", 0.5)]) },
  { what: "Clip without bounds", from: 7, nodes: op("Clip") },
  { what: "Pad", from: 7, nodes: op("Pad", [ints("pads", [0, 0, 1, 2, 0, 0, 3, 4]), float("value", 7)]) },
  {
    what: "Pad by reflection",
    from: 10,
    nodes: op("Pad", [ints("pads", [0, 0, 1, 2, 0, 0, 1, 2]), string("mode", "reflect")]),
  },
  { what: "Dropout", from: 7, nodes: op("Dropout", [float("ratio", 0.3)]) },
  {
    what: "BatchNormalization",
    from: 7,
    nodes: op("BatchNormalization", [], ["s", "b", "m", "v"]),
    constants: CHANNEL,
  },
  {
    what: "BatchNormalization with spatial = 1",
    from: 7,
    nodes: op("BatchNormalization", [int("spatial", 1)], ["s", "b", "m", "v"]),
    constants: CHANNEL,
  },
  { what: "Upsample by nearest", from: 7, nodes: op("Upsample", [floatList("scales", [1, 1, 2, 3])]) },
  {
    what: "Upsample by nearest, uneven",
    from: 9,
    nodes: op("Upsample", [], ["scales"]),
    constants: [floatTensor("scales", [4], Float32Array.of(1, 1, 1.5, 2.3))],
  },
  {
    what: "Upsample by scales that are computed",
    from: 9,
    nodes: op("Upsample", [], ["scales"]),
    feed: { ...X, scales: floats([4], [1, 1, 2, 1.7]) },
  },
  {
    what: "Upsample by linear interpolation",
    from: 9,
    nodes: op("Upsample", [string("mode", "linear")], ["scales"]),
    constants: [floatTensor("scales", [4], Float32Array.of(1, 1, 1.5, 2))],
  },
  {
    what: "Resize that enlarges",
    from: 10,
    nodes: op("Resize", [], ["scales"]),
    constants: [floatTensor("scales", [4], Float32Array.of(1, 1, 2.6, 1.3))],
  },
  {
    what: "Resize that shrinks",
    from: 10,
    nodes: op("Resize", [], ["scales"]),
    constants: [floatTensor("scales", [4], Float32Array.of(1, 1, 0.6, 0.7))],
  },
  {
    what: "Resize by linear interpolation",
    from: 10,
    nodes: op("Resize", [string("mode", "linear")], ["scales"]),
    constants: [floatTensor("scales", [4], Float32Array.of(1, 1, 0.6, 1.7))],
  },
  {
    what: "Resize to sizes",
    from: 11,
    nodes: op("Resize", [string("mode", "linear")], ["none", "none", "sizes"]),
    constants: [floatTensor("none", [0], new Float32Array(0)), int64Tensor("sizes", [2, 3, 7, 2])],
  },
  {
    what: "Resize by cubic interpolation",
    from: 11,
    nodes: op(
      "Resize",
      [string("mode", "cubic"), string("coordinate_transformation_mode", "align_corners")],
      ["none", "scales"],
    ),
    constants: [
      floatTensor("none", [0], new Float32Array(0)),
      floatTensor("scales", [4], Float32Array.of(1, 1, 2, 2)),
    ],
  },
  { what: "TopK", from: 7, nodes: op("TopK", [int("k", 2), int("axis", 2)], [], ["y", "indices"]) },
  {
    what: "Scatter",
    from: 9,
    nodes: op("Scatter", [int("axis", 1)], ["i", "u"]),
    feed: { x: floats([2, 3]), i: int64s([2, 1], [2, 0]), u: floats([2, 1]) },
  },
  {
    what: "RoiAlign",
    from: 10,
    upTo: 21,
    nodes: op("RoiAlign", [int("output_height", 2), int("output_width", 2)], ["rois", "batch"]),
    feed: { ...X, rois: floats([1, 4], [0.4, 0.3, 3.6, 3.2]), batch: int64s([1], [1]) },
  },
  {
    what: "GridSample by default",
    from: 16,
    nodes: op("GridSample", [], ["grid"]),
    feed: { ...X, grid: floats([2, 2, 2, 2]) },
  },
  {
    what: "GridSample by cubic interpolation",
    from: 16,
    nodes: op("GridSample", [string("mode", "bicubic")], ["grid"]),
    feed: { ...X, grid: floats([2, 2, 2, 2]) },
  },
  { what: "Swish", from: 24, nodes: op("Swish") },
  { what: "Swish with a factor", from: 24, nodes: op("Swish", [float("alpha", 0.5)]) },
  {
    what: "Attention with a causal mask",
    from: 23,
    nodes: op("Attention", [int("is_causal", 1)], ["x", "x"]),
  },
  {
    what: "RotaryEmbedding",
    from: 23,
    nodes: op("RotaryEmbedding", [], ["cos", "sin"]),
    feed: { x: floats([1, 2, 3, 4]), cos: floats([1, 3, 2]), sin: floats([1, 3, 2]) },
  },
  {
    what: "RMSNormalization",
    from: 23,
    nodes: op("RMSNormalization", [], ["scale"]),
    constants: [floatTensor("scale", [5], Float32Array.of(1, 2, 3, 4, 5))],
  },
  {
    what: "QuantizeLinear and back",
    from: 13,
    nodes: [
      makeNode("QuantizeLinear", ["x", "scale"], ["q"]),
      makeNode("DequantizeLinear", ["q", "scale"], ["y"]),
    ],
    constants: [floatTensor("scale", [], Float32Array.of(0.05))],
  },
  {
    what: "TopK of integers",
    from: 11,
    nodes: [makeNode("TopK", ["x", "k"], ["y", "i"])],
    feed: { x: int64s([5], [3, 1, 4, 1, 5]) },
    constants: [int64Tensor("k", [2])],
  },
  {
    what: "OneHot",
    from: 9,
    nodes: [makeNode("OneHot", ["x", "depth", "values"], ["y"])],
    feed: { x: int64s([4], [0, 2, -1, 5]) },
    constants: [int64Tensor("depth", [3]), floatTensor("values", [2], Float32Array.of(0, 1))],
  },
  { what: "ArgMax", from: 7, nodes: op("ArgMax", [int("axis", 1)]) },
  {
    what: "Gemm",
    from: 7,
    nodes: op("Gemm", [], ["w", "b"]),
    feed: { x: floats([2, 3]) },
    constants: [
      floatTensor("w", [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)),
      floatTensor("b", [2], Float32Array.of(1, -1)),
    ],
  },
  {
    what: "MaxPool",
    from: 7,
    nodes: op("MaxPool", [ints("kernel_shape", [2, 2]), ints("pads", [1, 0, 1, 0])]),
  },
  {
    what: "Concat, Gather and Flatten",
    from: 7,
    nodes: [
      makeNode("Concat", ["x", "x"], ["c"], [int("axis", 1)]),
      makeNode("Gather", ["c", "i"], ["g"], [int("axis", 1)]),
      makeNode("Flatten", ["g"], ["y"]),
    ],
    constants: [int64Tensor("i", [5, 0])],
  },
  {
    what: "LSTM",
    from: 7,
    nodes: op("LSTM", [int("hidden_size", 2)], ["w", "r"], ["y", "h"]),
    feed: { x: floats([3, 1, 2]) },
    constants: [
      floatTensor("w", [1, 8, 2], floats([16]).data as Float32Array),
      floatTensor("r", [1, 8, 2], floats([16]).data as Float32Array),
    ],
  },
  {
    what: "Cast and Shape",
    from: 7,
    nodes: [makeNode("Shape", ["x"], ["s"]), makeNode("Cast", ["s"], ["y"], [int("to", DataType.FLOAT)])],
  },
  {
    what: "ConvTranspose with SAME_UPPER",
    from: 7,
    nodes: op("ConvTranspose", [string("auto_pad", "SAME_UPPER"), ints("strides", [2, 2])], ["w"]),
    constants: [floatTensor("w", [3, 1, 3, 3], floats([27]).data as Float32Array)],
  },
];

describe.each([13, 21, 26])("converted to operator set %i", (target) => {
  it.each(CASES.filter(({ from, upTo = target }) => from < target && upTo >= target))(
    "$what of version $from gives the same",
    async ({ from, nodes, feed = X, constants = [], outputs }) => {
      const model = modelAt(from, nodes, feed, outputs, constants);
      const before = await run(model, feed);
      expect(upgradeOpset(model, target)).toEqual({ upgraded: true, blockers: [] });
      expect(opsetVersion(model)).toBe(target);
      assertValid(model, "upgraded");
      expect(difference(before, await run(model, feed))).toBe(0);
    },
  );

  it("keeps AveragePool to rounding: onnxruntime sums in another order from version 19 on", async () => {
    for (const count of [0, 1]) {
      const model = modelAt(
        11,
        op("AveragePool", [
          ints("kernel_shape", [3, 3]),
          ints("strides", [2, 2]),
          ints("pads", [1, 1, 1, 1]),
          int("count_include_pad", count),
        ]),
        X,
      );
      const before = await run(model, X);
      upgradeOpset(model, target);
      expect(difference(before, await run(model, X))).toBeLessThan(1e-6);
    }
  });
});

it("takes the element type of a bound from what it bounds", () => {
  const model = modelAt(10, op("Clip", [float("max", 5)]), half);
  expect(upgradeOpset(model, 13).upgraded).toBe(true);
  expect(model.graph.initializers).toEqual([
    { name: "y_max", dims: [], dataType: DataType.FLOAT16, raw: Uint8Array.of(0x00, 0x45) },
  ]);
});

describe("all or nothing", () => {
  it("names the nodes that cannot be converted and changes nothing", () => {
    const nodes = [
      makeNode("Squeeze", ["x"], ["s"], [ints("axes", [0])], "fine"),
      makeNode("Clip", ["mystery"], ["c"], [float("max", 1)], "bounded"),
      makeNode("BatchNormalization", ["s", "a", "a", "a", "a"], ["y", "mean", "var"], [], "training"),
    ];
    const model = modelAt(9, nodes, { x: floats([1, 3]) });
    const before = JSON.stringify(model, (_, v: unknown) => (typeof v === "bigint" ? String(v) : v));
    const { upgraded, blockers } = upgradeOpset(model, 14);
    expect(upgraded).toBe(false);
    expect(blockers.map(({ node, opType }) => `${node}: ${opType}`)).toEqual([
      "bounded: Clip",
      "training: BatchNormalization",
    ]);
    expect(JSON.stringify(model, (_, v: unknown) => (typeof v === "bigint" ? String(v) : v))).toBe(before);
  });

  it("refuses what onnxruntime does not run", () => {
    const { upgraded, blockers } = upgradeOpset(modelAt(13, op("Relu"), X), 27);
    expect(upgraded).toBe(false);
    expect(blockers[0]?.reason).toMatch(/newest supported is 26/);
  });

  it.each(["RoiAlign", "GlobalLpPool", "RandomNormalLike"])(
    "refuses %s beyond version 21, where onnxruntime has no kernel for it",
    (opType) => {
      const model = modelAt(16, op(opType), X);
      expect(upgradeOpset(structuredClone(model), 21).blockers).toEqual([]);
      expect(upgradeOpset(model, 22).blockers.map((blocker) => blocker.opType)).toEqual([opType]);
    },
  );

  it("leaves a model alone that is new enough", () => {
    expect(upgradeOpset(modelAt(17, op("Relu"), X), 13)).toEqual({ upgraded: false, blockers: [] });
  });

  it.each([7, 10])("refuses a Dropout of version %i whose mask is used, because masks changed", (from) => {
    const { blockers } = upgradeOpset(modelAt(from, op("Dropout", [], [], ["y", "mask"]), X), 13);
    expect(blockers.map(({ opType }) => opType)).toEqual(["Dropout"]);
  });

  it("refuses to guess how a Resize of computed scales rounded", () => {
    const { blockers } = upgradeOpset(
      modelAt(10, op("Resize", [], ["scales"]), { ...X, scales: floats([4]) }),
      13,
    );
    expect(blockers.map(({ opType }) => opType)).toEqual(["Resize"]);
  });
});

describe("every scope", () => {
  it("converts the bodies of If, whose constants stay in them", async () => {
    const branch = (name: string, axes: number[]) =>
      attribute.graph(name, {
        ...emptyGraph(name),
        nodes: [makeNode("ReduceSum", ["x"], [`${name}_y`], [ints("axes", axes)])],
        outputs: [tensorValue(`${name}_y`, DataType.FLOAT)],
      });
    const model = modelAt(
      11,
      [makeNode("If", ["c"], ["y"], [branch("then_branch", [0]), branch("else_branch", [1])])],
      { c: { dataType: DataType.BOOL, dims: [], data: Uint8Array.of(1) }, x: floats([2, 3]) },
    );
    for (const flag of [0, 1]) {
      const feed = { c: { dataType: DataType.BOOL, dims: [], data: Uint8Array.of(flag) }, x: floats([2, 3]) };
      const copy = structuredClone(model);
      const before = await run(copy, feed);
      expect(upgradeOpset(copy, 21).upgraded).toBe(true);
      expect(difference(before, await run(copy, feed))).toBe(0);
      expect(copy.graph.nodes[0]?.attributes.map((a) => a.g?.initializers.length)).toEqual([1, 1]);
    }
  });

  it("converts the model's own functions, with Constant nodes for what became inputs", async () => {
    const model = modelAt(11, [{ ...makeNode("SumRows", ["x"], ["y"]), domain: "own" }], {
      x: floats([2, 3]),
    });
    model.irVersion = 8n;
    model.opsetImports.push({ domain: "own", version: 1n });
    model.functions.push({
      name: "SumRows",
      domain: "own",
      inputs: ["a"],
      outputs: ["b"],
      attributeNames: [],
      attributeDefaults: [],
      opsetImports: [{ domain: "", version: 11n }],
      valueInfo: [],
      nodes: [makeNode("ReduceSum", ["a"], ["b"], [ints("axes", [1])])],
    });
    const before = await run(model, { x: floats([2, 3]) });
    expect(upgradeOpset(model, 13)).toEqual({ upgraded: true, blockers: [] });
    expect(model.functions[0]?.nodes.map((node) => node.opType)).toEqual(["Constant", "ReduceSum"]);
    expect(difference(before, await run(model, { x: floats([2, 3]) }))).toBe(0);
  });

  it("takes constants from the inputs when the IR version passes 4, and no other inputs", () => {
    const model = modelAt(
      8,
      op("Add", [], ["w"]),
      { x: floats([2]) },
      ["y"],
      [floatTensor("w", [2], Float32Array.of(1, 2))],
    );
    model.irVersion = 3n;
    model.graph.inputs.push(tensorValue("w", DataType.FLOAT, [2]));
    upgradeOpset(model, 13);
    expect(model.irVersion).toBe(7n);
    expect(model.graph.inputs.map((input) => input.name)).toEqual(["x"]);
  });
});
