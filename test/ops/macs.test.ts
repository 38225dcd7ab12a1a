import { expect, it } from "vitest";
import { attribute, DataType, makeNode, type Node, type TensorType } from "../../src/ir/index.js";
import { nodeMacs } from "../../src/ops/macs.js";
import { inspect } from "../../src/inspect/inspect.js";
import { operatorTests } from "../support/operator-archive.js";

const { int, string } = attribute;
const shaped = (shape: readonly number[] | undefined): TensorType | undefined =>
  shape && { elementType: DataType.FLOAT, shape: [...shape] };
const macs = (
  node: Node,
  inputs: readonly (readonly number[] | undefined)[],
  outputs: readonly (readonly number[] | undefined)[],
): number | undefined => nodeMacs(node, inputs.map(shaped), outputs.map(shaped));
const contributed = (opType: string, ...attributes: Parameters<typeof makeNode>[3] & object): Node => ({
  ...makeNode(opType, ["a", "b", "c", "d"], ["y"], attributes),
  domain: "com.microsoft",
});

it.each<[string, Node, (number[] | undefined)[], (number[] | undefined)[], number]>([
  [
    "Conv: batch × out × height × width × in × kernel",
    makeNode("Conv", [], []),
    [
      [2, 3, 8, 8],
      [16, 3, 3, 3],
    ],
    [[2, 16, 6, 6]],
    2 * 16 * 36 * 3 * 9,
  ],
  [
    "a depthwise Conv, which reads one channel",
    makeNode("Conv", [], [], [int("group", 16)]),
    [
      [1, 16, 8, 8],
      [16, 1, 3, 3],
    ],
    [[1, 16, 8, 8]],
    16 * 64 * 9,
  ],
  [
    "ConvInteger",
    makeNode("ConvInteger", [], []),
    [
      [1, 1, 3, 3],
      [1, 1, 2, 2],
    ],
    [[1, 1, 2, 2]],
    16,
  ],
  [
    "QLinearConv, whose weight is the fourth input",
    makeNode("QLinearConv", [], []),
    [[1, 3, 7, 7], [], [], [4, 3, 1, 1], [], []],
    [[1, 4, 7, 7]],
    4 * 49 * 3,
  ],
  [
    "ConvTranspose: every input element times out × kernel",
    makeNode("ConvTranspose", [], [], [int("group", 2)]),
    [
      [1, 4, 5, 5],
      [4, 3, 2, 2],
    ],
    [[1, 6, 10, 10]],
    4 * 25 * 3 * 4,
  ],
  [
    "Gemm",
    makeNode("Gemm", [], [], [int("transA", 1)]),
    [
      [5, 2],
      [5, 7],
    ],
    [[2, 7]],
    2 * 5 * 7,
  ],
  [
    "MatMul that broadcasts a stack",
    makeNode("MatMul", [], []),
    [
      [4, 1, 2, 3],
      [6, 3, 5],
    ],
    [[4, 6, 2, 5]],
    4 * 6 * 2 * 3 * 5,
  ],
  [
    "MatMul whose output is not known",
    makeNode("MatMul", [], []),
    [
      [4, 1, 2, 3],
      [6, 3, 5],
    ],
    [undefined],
    4 * 6 * 2 * 3 * 5,
  ],
  ["a product of two vectors", makeNode("MatMul", [], []), [[9], [9]], [[]], 9],
  [
    "MatMulInteger",
    makeNode("MatMulInteger", [], []),
    [
      [2, 3],
      [3, 4],
    ],
    [[2, 4]],
    24,
  ],
  ["QLinearMatMul", makeNode("QLinearMatMul", [], []), [[2, 3], [], [], [3, 4]], [[2, 4]], 24],
  [
    "LSTM: steps × batch × directions × 4 hidden × (input + hidden)",
    makeNode("LSTM", [], []),
    [
      [7, 2, 3],
      [2, 20, 3],
      [2, 20, 5],
    ],
    [[7, 2, 2, 5]],
    7 * 2 * 2 * 20 * 8,
  ],
  [
    "GRU",
    makeNode("GRU", [], []),
    [
      [7, 2, 3],
      [1, 15, 3],
      [1, 15, 5],
    ],
    [[7, 1, 2, 5]],
    7 * 2 * 15 * 8,
  ],
  [
    "RNN",
    makeNode("RNN", [], []),
    [
      [7, 2, 3],
      [1, 5, 3],
      [1, 5, 5],
    ],
    [[7, 1, 2, 5]],
    7 * 2 * 5 * 8,
  ],
  [
    "DynamicQuantizeLSTM, whose weights are transposed",
    contributed("DynamicQuantizeLSTM"),
    [
      [7, 2, 3],
      [1, 3, 20],
      [1, 5, 20],
    ],
    [[7, 1, 2, 5]],
    7 * 2 * 20 * 8,
  ],
  [
    "MatMulNBits, from its attributes",
    contributed("MatMulNBits", int("K", 64), int("N", 32)),
    [[2, 3, 64], undefined],
    [undefined],
    6 * 64 * 32,
  ],
  [
    "Einsum, every combination of labels once",
    makeNode("Einsum", [], [], [string("equation", "bij, bjk -> bik")]),
    [
      [2, 3, 4],
      [2, 4, 5],
    ],
    [[2, 3, 5]],
    2 * 3 * 4 * 5,
  ],
  [
    "Einsum with an ellipsis that broadcasts",
    makeNode("Einsum", [], [], [string("equation", "...ij,...jk->...ik")]),
    [
      [7, 3, 4],
      [1, 4, 5],
    ],
    [[7, 3, 5]],
    7 * 3 * 4 * 5,
  ],
  [
    "Einsum of one operand, which multiplies nothing",
    makeNode("Einsum", [], [], [string("equation", "ij->ji")]),
    [[3, 4]],
    [[4, 3]],
    0,
  ],
  [
    "self-attention with its projection",
    contributed("Attention"),
    [
      [1, 6, 8],
      [8, 24],
    ],
    [[1, 6, 8]],
    6 * 8 * 24 + 6 * 6 * 16,
  ],
  [
    "elementwise operators, which are not counted",
    makeNode("Mul", [], []),
    [
      [2, 3],
      [2, 3],
    ],
    [[2, 3]],
    0,
  ],
])("counts %s", (_, node, inputs, outputs, expected) => {
  expect(macs(node, inputs, outputs)).toBe(expected);
});

it("does not guess where a size is open", () => {
  expect(macs(makeNode("Conv", [], []), [undefined, [16, 3, 3, 3]], [undefined])).toBeUndefined();
  expect(
    nodeMacs(makeNode("MatMul", [], []), [{ elementType: DataType.FLOAT, shape: ["n", 3] }], []),
  ).toBeUndefined();
  expect(
    macs(
      makeNode("Einsum", [], [], [string("equation", "ij,jk->ik")]),
      [
        [2, 3, 4],
        [4, 5],
      ],
      [[2, 5]],
    ),
  ).toBeUndefined();
});

it("knows an operator by its domain", () => {
  // Undefined: counted, but the sizes are not known. 0: not counted.
  const macs = (node: Node): number | undefined => nodeMacs(node, [], []);
  expect([
    macs(makeNode("Conv", [], [])),
    macs({ ...makeNode("Conv", [], []), domain: "mine" }),
    macs(makeNode("__proto__", [], [])),
  ]).toEqual([undefined, 0, 0]);
});

it("counts attention as the standard's own expansion into matrix products does", async () => {
  const models = new Map(operatorTests().map(({ name, model }) => [name, model]));
  for (const name of ["test_attention_3d_diff_heads_sizes", "test_attention_4d_gqa_with_past_and_present"]) {
    const direct = await inspect(models.get(name)!);
    const expanded = await inspect(models.get(`${name}_expanded`)!, { run: true });
    expect([name, direct.macs, direct.unknownMacs]).toEqual([name, expanded.macs, expanded.unknownMacs]);
    expect(direct.macs).toBeGreaterThan(0);
  }
});
