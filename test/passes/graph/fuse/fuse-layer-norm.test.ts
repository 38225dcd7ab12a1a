import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  int64Tensor,
  makeNode,
  opsetVersion,
  tensorValue,
  type Node,
  type Tensor,
} from "../../../../src/ir/index.js";
import { fuseLayerNorm } from "../../../../src/passes/graph/fuse/fuse-layer-norm.js";
import { floats, seededFloats } from "../../../support/running.js";
import { apply, branch, FLAG, shown, tiny, type Parts } from "../../../support/tiny-models.js";
import { fused, left, scalar, tensor } from "../../../support/prove.js";

const op = makeNode;
const ROWS = { x: floats([2, 3, 8]) };
const last = [attribute.ints("axes", [-1])];
const constants = [
  scalar("eps", 1e-5),
  scalar("two", 2),
  scalar("one", 1),
  tensor("g", [8], 3),
  tensor("b", [8], 4),
];

const centre = [op("ReduceMean", ["x"], ["m"], last), op("Sub", ["x", "m"], ["d"])];
const root = (from: string): Node[] => [
  op("Pow", [from, "two"], ["q"]),
  op("ReduceMean", ["q"], ["v"], last),
  op("Add", ["v", "eps"], ["e"]),
  op("Sqrt", ["e"], ["r"]),
];
const layerNorm = [
  ...centre,
  ...root("d"),
  op("Div", ["d", "r"], ["n"]),
  op("Mul", ["n", "g"], ["s"]),
  op("Add", ["s", "b"], ["y"]),
];
const rmsNorm = [
  ...root("x"),
  op("Reciprocal", ["r"], ["i"]),
  op("Mul", ["x", "i"], ["n"]),
  op("Mul", ["g", "n"], ["y"]),
];
/** From version 18 on, the axes are an input. */
const modern = (nodes: Node[]): Node[] =>
  nodes.map((node) =>
    node.opType === "ReduceMean" ? { ...node, inputs: [...node.inputs, "axes"], attributes: [] } : node,
  );

function parts(nodes: Node[], more: Parts = {}): Parts {
  const all: Tensor[] = [...constants, int64Tensor("axes", [-1])];
  return {
    feed: ROWS,
    initializers: all.filter(({ name }) => nodes.some((node) => node.inputs.includes(name!))),
    ...more,
  };
}

describe("LayerNormalization", () => {
  it("is recognized with scale and bias, and takes their constants", async () => {
    const model = await fused(fuseLayerNorm, layerNorm, parts(layerNorm));
    expect(shown(model).at(-1)).toMatch(
      /^%y = LayerNormalization\(%x, %g, %b\) \{axis=-1, epsilon=0.00001.*, stash_type=1\}$/,
    );
  });

  it.each<[string, Node[], string[]]>([
    ["without bias", layerNorm.slice(0, -1), ["LayerNormalization"]],
    ["without scale", layerNorm.slice(0, -2), ["LayerNormalization"]],
    [
      "with a square as a product",
      layerNorm.map((node) => (node.opType === "Pow" ? op("Mul", ["d", "d"], ["q"]) : node)),
      ["LayerNormalization"],
    ],
    [
      "with 1 / root",
      [...centre, ...root("d"), op("Div", ["one", "r"], ["i"]), op("Mul", ["d", "i"], ["y"])],
      ["LayerNormalization"],
    ],
    [
      "with a bias and no scale, which stays",
      [...layerNorm.slice(0, -2), op("Add", ["n", "b"], ["y"])],
      ["LayerNormalization", "Add"],
    ],
  ])("is recognized %s", async (_, nodes, expected) => {
    expect(await left(fuseLayerNorm, nodes, parts(nodes))).toEqual(expected);
  });

  it("is recognized with axes as inputs", async () => {
    const nodes = modern(layerNorm);
    expect(await left(fuseLayerNorm, nodes, parts(nodes, { opset: 18 }))).toEqual(["LayerNormalization"]);
  });

  it("raises an older model to operator set 17, when there is something to fuse and all of it can be", async () => {
    const model = await fused(fuseLayerNorm, layerNorm, parts(layerNorm, { opset: 11 }));
    expect(opsetVersion(model)).toBe(17);
    const without = tiny([op("Sqrt", ["x"], ["y"])], { feed: ROWS, opset: 11 });
    expect((await apply(fuseLayerNorm(), without)).modified).toBe(false);
    expect(opsetVersion(without)).toBe(11);
    // A mask that is used became bool at version 10.
    const masked = [...layerNorm, op("Dropout", ["y"], ["z", "mask"])];
    const blocked = tiny(masked, parts(masked, { opset: 9, outputs: ["z", "mask"] }));
    expect((await apply(fuseLayerNorm(), blocked)).modified).toBe(false);
    expect(opsetVersion(blocked)).toBe(9);
  });

  it("stays close where the mean is a hundred times the deviation", async () => {
    const feed = {
      x: floats(
        [2, 3, 8],
        seededFloats(48).map((v) => v / 10 + 10),
      ),
    };
    expect(await left(fuseLayerNorm, layerNorm, parts(layerNorm, { feed }), 1e-3)).toEqual([
      "LayerNormalization",
    ]);
  });

  it.each<[string, Node[], Parts?]>([
    [
      "another axis",
      layerNorm.map((node) =>
        node.opType === "ReduceMean" ? { ...node, attributes: [attribute.ints("axes", [1])] } : node,
      ),
    ],
    [
      "a mean that drops its axis",
      [
        op("ReduceMean", ["x"], ["m"], [...last, attribute.int("keepdims", 0)]),
        op("Unsqueeze", ["m", "axes"], ["u"]),
        op("Sub", ["x", "u"], ["d"]),
        ...layerNorm.slice(2),
      ],
    ],
    [
      "the mean of another value",
      [op("Relu", ["x"], ["z"]), op("ReduceMean", ["z"], ["m"], last), ...layerNorm.slice(1)],
    ],
    [
      "another power",
      layerNorm,
      {
        initializers: constants
          .map((t) => (t.name === "two" ? scalar("two", 4) : t))
          .filter(({ name }) => name !== "one"),
      },
    ],
    ["a root that is an output", layerNorm, { outputs: ["y", "r"] }],
    ["a difference that others use", [...layerNorm, op("Abs", ["d"], ["z"])], { outputs: ["y", "z"] }],
  ])("is not recognized with %s", async (_, nodes, more = {}) => {
    expect(await left(fuseLayerNorm, nodes, parts(nodes, more))).toEqual(nodes.map((node) => node.opType));
  });

  it("keeps a scale of another shape behind it", async () => {
    const initializers = [
      ...parts(layerNorm).initializers!.filter(({ name }) => name !== "g"),
      tensor("g", [3, 8], 3),
    ];
    expect(await left(fuseLayerNorm, layerNorm, parts(layerNorm, { initializers }))).toEqual([
      "LayerNormalization",
      "Mul",
      "Add",
    ]);
  });

  it("is not recognized when the last size is not known, or a body uses what lies between", async () => {
    const open = tiny(structuredClone(layerNorm), parts(layerNorm));
    open.graph.inputs = [tensorValue("x", DataType.FLOAT, [2, 3, "C"])];
    expect((await apply(fuseLayerNorm(), open)).modified).toBe(false);
    const body = [op("Relu", ["d"], ["k"])];
    const captured = [
      ...layerNorm,
      op("If", ["c"], ["z"], [branch("then_branch", body), branch("else_branch", structuredClone(body))]),
    ];
    expect(
      await left(
        fuseLayerNorm,
        captured,
        parts(captured, { feed: { ...ROWS, ...FLAG }, outputs: ["y", "z"] }),
      ),
    ).toEqual(captured.map((node) => node.opType));
  });

  it("takes batches of any size", async () => {
    const model = tiny(structuredClone(layerNorm), parts(layerNorm));
    model.graph.inputs = [tensorValue("x", DataType.FLOAT, ["N", undefined, 8])];
    expect((await apply(fuseLayerNorm(), model)).modified).toBe(true);
  });
});

describe("RMSNormalization", () => {
  it("is recognized from operator set 23 on", async () => {
    const nodes = modern(rmsNorm);
    expect(await left(fuseLayerNorm, nodes, parts(nodes, { opset: 23 }))).toEqual(["RMSNormalization"]);
    expect(await left(fuseLayerNorm, nodes, parts(nodes, { opset: 22 }))).toHaveLength(nodes.length);
  });

  it("is not recognized when an epsilon of several values is added", async () => {
    const nodes = modern(rmsNorm);
    const initializers = parts(nodes).initializers!.map((t) =>
      t.name === "eps" ? floatTensor("eps", [3, 1], Float32Array.of(1, 2, 3)) : t,
    );
    expect(await left(fuseLayerNorm, nodes, parts(nodes, { opset: 23, initializers }))).toHaveLength(
      nodes.length,
    );
  });
});
