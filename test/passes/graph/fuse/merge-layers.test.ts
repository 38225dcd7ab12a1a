import { describe, expect, it } from "vitest";
import { attribute, makeNode, type Node, type Tensor } from "../../../../src/ir/index.js";
import { mergeLayers } from "../../../../src/passes/graph/fuse/merge-layers.js";
import { floats } from "../running.js";
import { branch, FLAG } from "../tiny-models.js";
import { fused, left, tensor } from "./prove.js";

const op = makeNode;
const { float, int, ints } = attribute;
const MATRIX = { x: floats([3, 4]) };
const BOUND = 5e-5;

describe("products", () => {
  const wide = [tensor("w", [4, 16]), tensor("b", [16], 2), tensor("v", [16, 5], 3), tensor("c", [5], 4)];
  const used = (nodes: Node[], constants: Tensor[]): Tensor[] => constants.filter(({ name }) => nodes.some((node) => node.inputs.includes(name!)));

  it.each<[string, Node[], string[]]>([
    ["Gemm and Gemm", [op("Gemm", ["x", "w", "b"], ["h"], [float("beta", 0.5)]), op("Gemm", ["h", "v", "c"], ["y"])], ["Gemm"]],
    ["Gemm and MatMul", [op("Gemm", ["x", "w", "b"], ["h"]), op("MatMul", ["h", "v"], ["y"])], ["Gemm"]],
    ["MatMul and MatMul", [op("MatMul", ["x", "w"], ["h"]), op("MatMul", ["h", "v"], ["y"])], ["MatMul"]],
    ["MatMul with bias and MatMul", [op("MatMul", ["x", "w"], ["p"]), op("Add", ["p", "b"], ["h"]), op("MatMul", ["h", "v"], ["y"])], ["MatMul", "Add"]],
    ["MatMul and MatMul with bias", [op("MatMul", ["x", "w"], ["h"]), op("MatMul", ["h", "v"], ["p"]), op("Add", ["c", "p"], ["y"])], ["MatMul", "Add"]],
  ])("%s become one", async (_, nodes, expected) => {
    expect(await left(mergeLayers, nodes, { feed: MATRIX, initializers: used(nodes, wide) }, BOUND)).toEqual(expected);
  });

  it("take transposed weights and a batch", async () => {
    const transposed = [op("Gemm", ["x", "w"], ["h"], [int("transB", 1)]), op("Gemm", ["h", "v"], ["y"], [int("transB", 1)])];
    expect(await left(mergeLayers, transposed, { feed: MATRIX, initializers: [tensor("w", [16, 4]), tensor("v", [5, 16], 3)] }, BOUND)).toEqual(["Gemm"]);
    const batch = [op("MatMul", ["x", "w"], ["h"]), op("MatMul", ["h", "v"], ["y"])];
    expect(await left(mergeLayers, batch, { feed: { x: floats([2, 3, 4]) }, initializers: used(batch, wide) }, BOUND)).toEqual(["MatMul"]);
  });

  it("of low rank stay apart", async () => {
    const nodes = [op("MatMul", ["x", "w"], ["h"]), op("MatMul", ["h", "v"], ["y"])];
    expect(await left(mergeLayers, nodes, { feed: MATRIX, initializers: [tensor("w", [4, 2]), tensor("v", [2, 5])] })).toEqual(["MatMul", "MatMul"]);
  });

  it.each<[string, Node[], string[]?]>([
    ["one scales", [op("Gemm", ["x", "w"], ["h"], [float("alpha", 2)]), op("Gemm", ["h", "v"], ["y"])]],
    ["something stands between", [op("MatMul", ["x", "w"], ["h"]), op("Relu", ["h"], ["r"]), op("MatMul", ["r", "v"], ["y"])]],
    ["the value between is an output", [op("MatMul", ["x", "w"], ["h"]), op("MatMul", ["h", "v"], ["y"])], ["y", "h"]],
    ["others use it", [op("MatMul", ["x", "w"], ["h"]), op("MatMul", ["h", "v"], ["y"]), op("Relu", ["h"], ["z"])], ["y", "z"]],
  ])("stay when %s", async (_, nodes, outputs = ["y"]) => {
    expect(await left(mergeLayers, nodes, { feed: MATRIX, initializers: used(nodes, wide), outputs })).toEqual(nodes.map((node) => node.opType));
  });

  it("stay when a body uses the value between", async () => {
    const body = [op("Relu", ["h"], ["r"])];
    const nodes = [op("MatMul", ["x", "w"], ["h"]), op("MatMul", ["h", "v"], ["y"]), op("If", ["c"], ["z"], [branch("then_branch", body), branch("else_branch", structuredClone(body))])];
    expect(await left(mergeLayers, nodes, { feed: { ...MATRIX, ...FLAG }, initializers: used(nodes, wide.slice(0, 3)), outputs: ["y", "z"] })).toHaveLength(3);
  });
});

describe("convolutions", () => {
  const IMAGE = { x: floats([1, 3, 7, 7]) };
  const conv = (inputs: string[], output: string, ...attributes: ReturnType<typeof ints>[]): Node => op("Conv", inputs, [output], attributes);
  const pads = ints("pads", [1, 1, 1, 1]);
  const strides = ints("strides", [2, 2]);
  const first = [tensor("w", [16, 3, 3, 3]), tensor("b", [16], 2)];
  const second = [tensor("v", [4, 16, 1, 1], 3), tensor("c", [4], 4)];

  it.each<[string, Node[]]>([
    ["1×1 behind 3×3 with a border", [conv(["x", "w", "b"], "h", pads), conv(["h", "v", "c"], "y")]],
    ["1×1 with strides behind 3×3 with strides", [conv(["x", "w", "b"], "h", strides), conv(["h", "v", "c"], "y", strides)]],
  ])("%s become one", async (_, nodes) => {
    expect(await left(mergeLayers, nodes, { feed: IMAGE, initializers: [...first, ...second] }, BOUND)).toEqual(["Conv"]);
  });

  it("two 1×1 become one, and three", async () => {
    const nodes = [conv(["x", "w", "b"], "h"), conv(["h", "v"], "g"), conv(["g", "u"], "y")];
    const initializers = [tensor("w", [16, 3, 1, 1]), first[1]!, tensor("v", [12, 16, 1, 1], 3), tensor("u", [2, 12, 1, 1], 5)];
    expect(await left(mergeLayers, nodes, { feed: IMAGE, initializers }, BOUND)).toEqual(["Conv"]);
  });

  const widening = [tensor("w", [8, 3, 1, 1]), tensor("b", [8], 2), tensor("v", [4, 8, 3, 3], 3)];
  it("1×1 before 3×3 goes in, with its bias where nothing is padded", async () => {
    expect(await left(mergeLayers, [conv(["x", "w", "b"], "h"), conv(["h", "v"], "y")], { feed: IMAGE, initializers: widening }, BOUND)).toEqual(["Conv"]);
    const padded = [conv(["x", "w"], "h"), conv(["h", "v"], "y", pads)];
    expect(await left(mergeLayers, padded, { feed: IMAGE, initializers: [widening[0]!, widening[2]!] }, BOUND)).toEqual(["Conv"]);
    expect(await left(mergeLayers, [conv(["x", "w", "b"], "h"), conv(["h", "v"], "y", pads)], { feed: IMAGE, initializers: widening })).toEqual(["Conv", "Conv"]);
  });

  it.each<[string, Node[], Tensor[]]>([
    ["the second pads", [conv(["x", "w", "b"], "h"), conv(["h", "v", "c"], "y", pads)], [...first, ...second]],
    ["one has groups", [op("Conv", ["x", "w"], ["h"], [int("group", 3)]), conv(["h", "v"], "y")], [tensor("w", [12, 1, 3, 3]), tensor("v", [2, 12, 1, 1])]],
    ["they cost less apart", [conv(["x", "w"], "h"), conv(["h", "v"], "y")], [tensor("w", [2, 3, 3, 3]), tensor("v", [16, 2, 1, 1])]],
    ["both have kernels", [conv(["x", "w"], "h"), conv(["h", "v"], "y")], [first[0]!, tensor("v", [2, 16, 3, 3])]],
  ])("stay when %s", async (_, nodes, initializers) => {
    expect(await left(mergeLayers, nodes, { feed: IMAGE, initializers })).toEqual(["Conv", "Conv"]);
  });

  it("leave a weight that another layer shares as it was, and stay where that weight and the new one take more bytes", async () => {
    const nodes = [conv(["x", "w", "b"], "h"), conv(["h", "v", "c"], "y"), conv(["x", "w"], "z")];
    const small = [tensor("w", [16, 3, 1, 1]), ...first.slice(1), ...second];
    expect((await fused(mergeLayers, nodes, { feed: IMAGE, initializers: small, outputs: ["y", "z"] }, BOUND)).graph.nodes).toHaveLength(2);
    const large = [...first, ...second];
    expect(await left(mergeLayers, nodes, { feed: IMAGE, initializers: large, outputs: ["y", "z"] })).toEqual(["Conv", "Conv", "Conv"]);
  });
});
