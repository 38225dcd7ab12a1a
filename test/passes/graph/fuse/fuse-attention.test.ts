import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  int64Tensor,
  makeNode,
  tensorValue,
  type Node,
  type Tensor,
} from "../../../../src/ir/index.js";
import { readModel } from "../../../../src/onnx/index.js";
import { CLEAN_UP_PASSES } from "../../../../src/passes/graph/clean-up.js";
import { fuseAttention } from "../../../../src/passes/graph/fuse/fuse-attention.js";
import { FUSION_PASSES } from "../../../../src/passes/graph/fusion-passes.js";
import { plainLayers } from "../../../../src/layers/layer.js";
import { GraphEditor } from "../../../../src/ir/index.js";
import { difference, floats, run, untilStable } from "../../../support/running.js";
import { apply, branch, FLAG, shown, tiny, type Parts } from "../../../support/tiny-models.js";
import { fused, left, scalar, tensor } from "../../../support/prove.js";

const op = makeNode;
const { int, ints } = attribute;
const perm = (...axes: number[]) => [ints("perm", axes)];
/** Two heads of four, five tokens, batches of three. */
const TOKENS = { x: floats([3, 5, 8]) };

/** Weights of one value to queries, keys and values, as three products. */
const projections = ["q", "k", "v"].map((name) => op("MatMul", ["x", `w${name}`], [name]));
const apart = [
  ...projections,
  ...["q", "k", "v"].map((name) => op("Reshape", [name, "split"], [`${name}r`])),
  op("Transpose", ["qr"], ["qh"], perm(0, 2, 1, 3)),
  op("Transpose", ["kr"], ["kt"], perm(0, 2, 3, 1)),
  op("Transpose", ["vr"], ["vh"], perm(0, 2, 1, 3)),
];
const weights = [
  op("MatMul", ["qh", "kt"], ["s"]),
  op("Div", ["s", "root"], ["t"]),
  op("Softmax", ["t"], ["p"], [int("axis", -1)]),
];
const joined = [
  op("MatMul", ["p", "vh"], ["o"]),
  op("Transpose", ["o"], ["oh"], perm(0, 2, 1, 3)),
  op("Reshape", ["oh", "join"], ["y"]),
];
const separate = [...apart, ...weights, ...joined];

/** The same from one product, as exporters of vision transformers write it. */
const part = (k: number, to: string): Node[] => [
  op("Slice", ["packed", `at${k}`, `at${k + 1}`, "at0"], [`${to}s`]),
  op("Squeeze", [`${to}s`, "at0"], [to]),
];
const packed = [
  op("MatMul", ["x", "w"], ["qkv"]),
  op("Reshape", ["qkv", "split5"], ["five"]),
  op("Transpose", ["five"], ["packed"], perm(2, 0, 3, 1, 4)),
  ...part(0, "qh"),
  ...part(1, "kh"),
  ...part(2, "vh"),
  op("Transpose", ["kh"], ["kt"], perm(0, 1, 3, 2)),
  ...weights,
  ...joined,
];

const constants: Tensor[] = [
  tensor("w", [8, 24]),
  tensor("wq", [8, 8], 2),
  tensor("wk", [8, 8], 3),
  tensor("wv", [8, 8], 4),
  scalar("root", 2),
  scalar("factor", 0.5),
  tensor("mask", [1, 2, 5, 5], 7),
  int64Tensor("split", [0, 5, 2, 4]),
  int64Tensor("split5", [-1, 5, 3, 2, 4]),
  int64Tensor("join", [0, 0, 8]),
  ...[0, 1, 2, 3].map((k) => int64Tensor(`at${k}`, [k])),
];

function parts(nodes: Node[], more: Parts = {}): Parts {
  return {
    feed: TOKENS,
    initializers: constants.filter(({ name }) => nodes.some((node) => node.inputs.includes(name!))),
    ...more,
  };
}

describe("attention", () => {
  it("of three products becomes one operator over them", async () => {
    const model = await fused(fuseAttention, separate, parts(separate));
    expect(shown(model).slice(-4)).toEqual([
      "%q = MatMul(%x, %wq)",
      "%k = MatMul(%x, %wk)",
      "%v = MatMul(%x, %wv)",
      "%y = com.microsoft::MultiHeadAttention(%q, %k, %v) {num_heads=2, scale=0.5}",
    ]);
  });

  it("of one product is split into three", async () => {
    expect(await left(fuseAttention, packed, parts(packed))).toEqual([
      "MatMul",
      "Split",
      "MultiHeadAttention",
    ]);
    const old = packed.map((node) =>
      node.opType === "Squeeze"
        ? { ...node, inputs: [node.inputs[0]!], attributes: [ints("axes", [0])] }
        : node,
    );
    expect(await left(fuseAttention, old, parts(old, { opset: 12 }))).toEqual([
      "MatMul",
      "Split",
      "MultiHeadAttention",
    ]);
  });

  it("finds parts taken by Gather and by Split", async () => {
    const gathered = packed
      .filter((node) => node.opType !== "Slice")
      .map((node) =>
        node.opType === "Squeeze"
          ? op("Gather", ["packed", `i${"qkv".indexOf(node.outputs[0]![0]!)}`], node.outputs, [
              int("axis", 0),
            ])
          : node,
      );
    const indices = [0, 1, 2].map((k) => int64Tensor(`i${k}`, [k - 3], []));
    expect(
      await left(
        fuseAttention,
        gathered,
        parts(gathered, { initializers: [...parts(gathered).initializers!, ...indices] }),
      ),
    ).toEqual(["MatMul", "Split", "MultiHeadAttention"]);
    const split = packed.filter((node) => node.opType !== "Slice");
    split.splice(3, 0, op("Split", ["packed"], ["qhs", "khs", "vhs"], [int("axis", 0)]));
    expect(await left(fuseAttention, split, parts(split))).toEqual(["MatMul", "Split", "MultiHeadAttention"]);
  });

  it("is the standard operator at operator set 23", async () => {
    const model = await fused(fuseAttention, separate, parts(separate, { opset: 23 }));
    expect(shown(model).at(-1)).toBe("%y = Attention(%q, %k, %v) {q_num_heads=2, kv_num_heads=2, scale=0.5}");
  });

  const scaled = separate.flatMap((node) =>
    node.outputs[0] === "s"
      ? [
          op("Mul", ["qh", "factor"], ["qf"]),
          op("Mul", ["kt", "factor"], ["kf"]),
          op("MatMul", ["qf", "kf"], ["s"]),
        ]
      : [node],
  );
  const masked = separate.flatMap((node) =>
    node.opType === "Softmax" ? [op("Add", ["t", "mask"], ["u"]), { ...node, inputs: ["u"] }] : [node],
  );
  const unscaled = separate
    .filter((node) => node.opType !== "Div")
    .map((node) => (node.opType === "Softmax" ? { ...node, inputs: ["s"] } : node));
  it.each([
    ["on queries and keys", scaled],
    ["that masks follow", masked],
    ["of one", unscaled],
  ])("takes scales %s", async (_, nodes) => {
    for (const opset of [17, 23])
      expect((await left(fuseAttention, nodes, parts(nodes, { opset }))).slice(0, 3)).toEqual([
        "MatMul",
        "MatMul",
        "MatMul",
      ]);
    expect(await left(fuseAttention, nodes, parts(nodes))).toHaveLength(4);
  });

  it("takes keys and values of another length", async () => {
    const nodes = separate.map((node) =>
      ["k", "v"].includes(node.outputs[0]!)
        ? { ...node, inputs: ["z", node.inputs[1]!] }
        : ["kr", "vr"].includes(node.outputs[0]!)
          ? { ...node, inputs: [node.inputs[0]!, "split7"] }
          : node,
    );
    const initializers = [...parts(nodes).initializers!, int64Tensor("split7", [0, 7, 2, 4])];
    expect(
      await left(
        fuseAttention,
        nodes,
        parts(nodes, { feed: { ...TOKENS, z: floats([3, 7, 8]) }, initializers }),
      ),
    ).toHaveLength(4);
  });

  it("takes values of another size than keys", async () => {
    const nodes = separate.map((node) =>
      node.outputs[0] === "vr"
        ? { ...node, inputs: ["v", "splitv"] }
        : node.outputs[0] === "y"
          ? { ...node, inputs: ["oh", "join6"] }
          : node,
    );
    const initializers = [
      ...parts(nodes).initializers!.map((t) => (t.name === "wv" ? tensor("wv", [8, 6], 4) : t)),
      int64Tensor("splitv", [0, 5, 2, 3]),
      int64Tensor("join6", [0, 0, 6]),
    ];
    for (const opset of [17, 23])
      expect(await left(fuseAttention, nodes, parts(nodes, { initializers, opset }))).toHaveLength(4);
  });

  it("stays at old operator sets where Softmax without an axis runs along all but the first", async () => {
    const nodes = separate.map((node) => (node.opType === "Softmax" ? { ...node, attributes: [] } : node));
    expect(await left(fuseAttention, nodes, parts(nodes, { opset: 12 }))).toEqual(
      nodes.map((node) => node.opType),
    );
    expect(await left(fuseAttention, nodes, parts(nodes, { opset: 13 }))).toHaveLength(4);
  });

  it("takes batches and lengths of any size", async () => {
    const model = tiny(
      structuredClone(separate),
      parts(separate, {
        initializers: constants.map((t) => (t.name === "split" ? int64Tensor("split", [0, 0, 2, 4]) : t)),
      }),
    );
    model.graph.inputs = [tensorValue("x", DataType.FLOAT, ["N", "S", 8])];
    expect((await apply(fuseAttention(), model)).stats).toEqual({ attentionsFused: 1 });
  });

  const changed = (output: string, change: Partial<Node>): Node[] =>
    separate.map((node) => (node.outputs[0] === output ? { ...node, ...change } : node));
  it.each<[string, Node[], Parts?]>([
    ["a Softmax along another axis", changed("p", { attributes: [int("axis", 2)] })],
    ["weights that are an output", separate, { outputs: ["y", "p"] }],
    ["scores that others use", [...separate, op("Relu", ["s"], ["z"])], { outputs: ["y", "z"] }],
    ["heads joined in another order", changed("oh", { attributes: perm(0, 2, 3, 1) })],
    [
      "values not turned",
      changed("vh", { attributes: perm(0, 2, 1, 3), inputs: ["v4"] }).flatMap((node) =>
        node.outputs[0] === "vh" ? [op("Relu", ["vr"], ["v4"]), node] : [node],
      ),
    ],
    [
      "queries of one batch for all",
      changed("q", { inputs: ["z", "wq"] }),
      { feed: { ...TOKENS, z: floats([1, 5, 8]) } },
    ],
    [
      "a mask for all queries",
      masked.map((node) => node),
      {
        initializers: constants
          .filter(({ name }) => masked.some((n) => n.inputs.includes(name!)))
          .map((t) => (t.name === "mask" ? tensor("mask", [1, 1, 1, 5]) : t)),
      },
    ],
  ])("stays with %s", async (_, nodes, more = {}) => {
    expect(await left(fuseAttention, nodes, parts(nodes, more))).toEqual(nodes.map((node) => node.opType));
  });

  it("stays when a body uses the weights, and when batch and length may have been mixed", async () => {
    const body = [op("Relu", ["p"], ["r"])];
    const captured = [
      ...separate,
      op("If", ["c"], ["z"], [branch("then_branch", body), branch("else_branch", structuredClone(body))]),
    ];
    expect(
      await left(
        fuseAttention,
        captured,
        parts(captured, { feed: { ...TOKENS, ...FLAG }, outputs: ["y", "z"] }),
      ),
    ).toEqual(captured.map((node) => node.opType));
    const mixed = parts(separate, {
      initializers: constants.map((t) => (t.name === "split" ? int64Tensor("split", [5, 3, 2, 4]) : t)),
    });
    expect((await apply(fuseAttention(), tiny(structuredClone(separate), mixed))).modified).toBe(false);
  });
});

it("leaves a vision transformer 67 nodes with every weight of its layers, and the same outputs", async () => {
  const model = readModel("fixtures/models/vit.onnx");
  const feed = { input: floats([2, 1, 28, 28]) };
  const before = await run(model, feed);
  const layers = [...plainLayers(GraphEditor.forMainGraph(model))].length;
  await untilStable(
    model,
    [...CLEAN_UP_PASSES, ...FUSION_PASSES].map(({ pass }) => pass()),
  );
  expect(model.graph.nodes).toHaveLength(67);
  expect([...plainLayers(GraphEditor.forMainGraph(model))]).toHaveLength(layers);
  expect(difference(before, await run(model, feed))).toBeLessThan(2e-5);
});
