import { describe, expect, it } from "vitest";
import { attribute, DataType, floatTensor, integerTensor, makeNode, tensorValue, type Attribute, type Node, type Tensor } from "../../../src/ir/index.js";
import { foldBatchNormalization } from "../../../src/passes/graph/fold-batch-normalization.js";
import { difference, floats, run, seededFloats } from "./running.js";
import { apply, shown, tiny } from "./tiny-models.js";

const { int, ints, float } = attribute;
const IMAGE = { x: floats([2, 4, 5, 6]) };
const tensor = (name: string, dims: number[], seed = 1): Tensor => floatTensor(name, dims, seededFloats(dims.reduce((a, b) => a * b, 1), seed));
const positive = (name: string, count: number): Tensor => floatTensor(name, [count], seededFloats(count, 9).map((v) => v + 1.5));

function normalization(channels: number, from = "a", to = "y"): { node: Node; constants: Tensor[] } {
  return {
    node: makeNode("BatchNormalization", [from, "gamma", "beta", "mean", "variance"], [to], [float("epsilon", 0.01)]),
    constants: [tensor("gamma", [channels], 3), tensor("beta", [channels], 4), tensor("mean", [channels], 5), positive("variance", channels)],
  };
}

/** Folds, and returns the operators left after checking that outputs agree to rounding. */
async function folded(nodes: Node[], initializers: Tensor[], feed = IMAGE): Promise<string[]> {
  const model = tiny(structuredClone(nodes), { initializers, feed });
  const before = await run(tiny(nodes, { initializers, feed }), feed);
  await apply(foldBatchNormalization(), model);
  expect(difference(before, await run(model, feed))).toBeLessThan(1e-5);
  return model.graph.nodes.map((node) => node.opType);
}

const bn = (channels: number) => normalization(channels);
const layers: [string, Node, Tensor[], number, typeof IMAGE?][] = [
  ["Conv", makeNode("Conv", ["x", "w", "b"], ["a"]), [tensor("w", [6, 4, 3, 3]), tensor("b", [6], 2)], 6],
  ["Conv without bias", makeNode("Conv", ["x", "w"], ["a"]), [tensor("w", [6, 4, 3, 3])], 6],
  ["depthwise Conv", makeNode("Conv", ["x", "w"], ["a"], [int("group", 4)]), [tensor("w", [8, 1, 3, 3])], 8],
  ["ConvTranspose", makeNode("ConvTranspose", ["x", "w", "b"], ["a"], [ints("strides", [2, 2])]), [tensor("w", [4, 3, 2, 2]), tensor("b", [3], 2)], 3],
  ["ConvTranspose in groups", makeNode("ConvTranspose", ["x", "w"], ["a"], [int("group", 2)]), [tensor("w", [4, 3, 2, 2])], 6],
  ["Gemm", makeNode("Gemm", ["x", "w", "b"], ["a"], [float("alpha", 0.5), float("beta", 2)]), [tensor("w", [4, 5]), tensor("b", [5], 2)], 5, { x: floats([3, 4]) }],
  ["Gemm by a transposed weight and one bias", makeNode("Gemm", ["x", "w", "b"], ["a"], [int("transB", 1)]), [tensor("w", [5, 4]), tensor("b", [1], 2)], 5, { x: floats([3, 4]) }],
];

describe("BatchNormalization", () => {
  it.each(layers)("goes into %s", async (_, layer, constants, channels, feed) => {
    const { node, constants: own } = bn(channels);
    expect(await folded([layer, node], [...constants, ...own], feed)).toEqual([layer.opType]);
  });

  it("is computed in float64: weight 3 · 0.5 / sqrt(4 - 0.25 + 0.25) and bias (1 - 2) · 0.25 + 7", async () => {
    const model = tiny([makeNode("Conv", ["x", "w", "b"], ["a"]), { ...bn(1).node, attributes: [float("epsilon", 0.25)] }], {
      feed: { x: floats([1, 1, 1, 1]) },
      initializers: [["w", 3, [1, 1, 1, 1]], ["b", 1, [1]], ["gamma", 0.5, [1]], ["beta", 7, [1]], ["mean", 2, [1]], ["variance", 3.75, [1]]]
        .map(([name, value, dims]) => floatTensor(name as string, dims as number[], Float32Array.of(value as number))),
    });
    await apply(foldBatchNormalization(), model);
    expect(shown(model)).toEqual(["const %w_1: f32[1,1,1,1] = [0.75]", "const %b_1: f32[1] = [6.75]", "%y = Conv(%x, %w_1, %b_1)"]);
  });

  const conv = makeNode("Conv", ["x", "w"], ["a"]);
  const weight = tensor("w", [6, 4, 3, 3]);
  it.each<[string, Node[]]>([
    ["in training", [conv, { ...bn(6).node, attributes: [int("training_mode", 1)], outputs: ["y", "m", "v"] }]],
    ["behind a layer that others use too", [conv, makeNode("Relu", ["a"], ["r"]), bn(6).node, makeNode("Add", ["r", "y"], ["z"])]],
    ["not behind a layer", [makeNode("Relu", ["x"], ["a"]), bn(4).node]],
  ])("stays when it is %s", async (_, nodes) => {
    const model = tiny(nodes, { feed: IMAGE, initializers: [weight, ...bn(6).constants] });
    expect((await apply(foldBatchNormalization(), model)).modified).toBe(false);
  });

  it("stays when callers may override the weight, when it is no float32, and when the result would not be finite", async () => {
    const overridable = tiny([conv, bn(6).node], { feed: IMAGE, initializers: [weight, ...bn(6).constants] });
    overridable.graph.inputs.push(tensorValue("w", DataType.FLOAT));
    const half = tiny([conv, bn(6).node], { feed: IMAGE, initializers: [integerTensor("w", [6, 4, 3, 3], DataType.FLOAT16, new Uint16Array(216)), ...bn(6).constants] });
    const zero = bn(6).constants.map((t) => (t.name === "variance" ? floatTensor("variance", [6], new Float32Array(6)) : t));
    const infinite = tiny([conv, { ...bn(6).node, attributes: [float("epsilon", 0)] }], { feed: IMAGE, initializers: [weight, ...zero] });
    for (const model of [overridable, half, infinite]) expect((await apply(foldBatchNormalization(), model)).modified).toBe(false);
  });

  it("leaves a weight that another layer shares as it was, where a copy takes less than folding frees, and stays otherwise", async () => {
    const nodes = [conv, bn(6).node, makeNode("Conv", ["x", "w"], ["z"]), makeNode("Add", ["y", "z"], ["out"])];
    expect(await folded(nodes, [tensor("w", [6, 4, 1, 1]), ...bn(6).constants])).toEqual(["Conv", "Conv", "Add"]);
    expect(await folded(nodes, [weight, ...bn(6).constants])).toEqual(["Conv", "BatchNormalization", "Conv", "Add"]);
  });
});

describe("per-channel arithmetic", () => {
  const conv = makeNode("Conv", ["x", "w", "b"], ["a"]);
  const layer = [tensor("w", [6, 4, 3, 3]), tensor("b", [6], 2)];
  const step = (opType: string, from: string, constant: string, to: string, attributes: Attribute[] = []) => makeNode(opType, [from, constant], [to], attributes);

  it("goes into the layer as a chain, scalars and constants on the left included", async () => {
    const nodes = [conv, step("Mul", "a", "s", "p"), step("Add", "t", "p", "q"), step("Div", "q", "two", "r"), step("Sub", "r", "t", "y")];
    expect(await folded(nodes, [...layer, tensor("s", [1, 6, 1, 1]), tensor("t", [6, 1, 1], 8), floatTensor("two", [], Float32Array.of(2))])).toEqual(["Conv"]);
  });

  it.each<[string, Node, Tensor]>([
    ["along another axis", step("Mul", "a", "s", "y"), tensor("s", [4])],
    ["by a constant of higher rank", step("Mul", "a", "s", "y"), tensor("s", [1, 1, 6, 1, 1])],
    ["that divides a constant", makeNode("Div", ["s", "a"], ["y"]), tensor("s", [1])],
    ["that differs within the batch", step("Add", "a", "s", "y"), tensor("s", [2, 6, 1, 1])],
  ])("stays when it is one %s", async (_, node, constant) => {
    expect(await folded([conv, node], [...layer, constant])).toEqual(["Conv", node.opType]);
  });

  it("goes into Gemm along its last axis", async () => {
    const nodes = [makeNode("Gemm", ["x", "w"], ["a"]), step("Add", "a", "t", "y")];
    expect(await folded(nodes, [tensor("w", [4, 5]), tensor("t", [5])], { x: floats([3, 4]) })).toEqual(["Gemm"]);
  });
});
