import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  GraphEditor,
  integerTensor,
  makeNode,
  toNumbers,
  type Model,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import { biasSites, type BiasSite } from "../../src/layers/bias-sites.js";
import { model } from "../support/feed-models.js";

const zeros = (name: string, dims: readonly number[]): Tensor =>
  floatTensor(name, dims, new Float32Array(dims.reduce((a, b) => a * b, 1)));
const sitesOf = (m: Model): BiasSite[] => biasSites(GraphEditor.forMainGraph(m));
const found = (nodes: Node[], constants: Tensor[]): [string, number, number][] =>
  sitesOf(model(["n", 4, 6, 6], nodes, constants)).map(({ output, channelAxis, channels }) => [
    output,
    channelAxis,
    channels,
  ]);
const numbersOf = (m: Model, name: string): number[] =>
  toNumbers(GraphEditor.forMainGraph(m).constant(name)!);

describe("a site", () => {
  it.each<[string, Node[], Tensor[], [string, number, number][]]>([
    [
      "a Conv with a bias",
      [makeNode("Conv", ["x", "w", "b"], ["y"])],
      [zeros("w", [5, 4, 3, 3]), zeros("b", [5])],
      [["y", 1, 5]],
    ],
    ["a Conv without", [makeNode("Conv", ["x", "w"], ["y"])], [zeros("w", [5, 4, 3, 3])], [["y", 1, 5]]],
    [
      "a Gemm of either order",
      [
        makeNode("Gemm", ["x", "w"], ["a"]),
        makeNode("Gemm", ["a", "w"], ["y"], [attribute.int("transB", 1)]),
      ],
      [zeros("w", [4, 7])],
      [
        ["a", -1, 7],
        ["y", -1, 4],
      ],
    ],
    [
      "the Add behind a MatMul, whichever comes first",
      [makeNode("MatMul", ["x", "w"], ["p"]), makeNode("Add", ["b", "p"], ["y"])],
      [zeros("w", [6, 3]), zeros("b", [1, 3])],
      [["y", -1, 3]],
    ],
    [
      "the Add behind a product of codes",
      [
        makeNode("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        makeNode("MatMulInteger", ["q", "w", "z"], ["i"]),
        makeNode("Cast", ["i"], ["f"], [attribute.int("to", DataType.FLOAT)]),
        makeNode("Mul", ["f", "s"], ["p"]),
        makeNode("Add", ["p", "b"], ["y"]),
      ],
      [integerTensor("w", [6, 3], DataType.INT8, new Int8Array(18)), zeros("b", [3])],
      [["y", -1, 3]],
    ],
  ])("is %s", (_, nodes, constants, expected) => {
    expect(found(nodes, constants)).toEqual(expected);
  });

  it.each<[string, Node[], Tensor[]]>([
    [
      "an Add of two activations",
      [makeNode("MatMul", ["x", "w"], ["p"]), makeNode("Add", ["p", "x"], ["y"])],
      [zeros("w", [6, 6])],
    ],
    [
      "an Add behind no product",
      [makeNode("Relu", ["x"], ["p"]), makeNode("Add", ["p", "b"], ["y"])],
      [zeros("b", [6])],
    ],
    [
      "a constant with a value for each position",
      [makeNode("MatMul", ["x", "w"], ["p"]), makeNode("Add", ["p", "b"], ["y"])],
      [zeros("w", [6, 3]), zeros("b", [6, 3])],
    ],
    [
      "a Gemm with one bias for all",
      [makeNode("Gemm", ["x", "w", "b"], ["y"])],
      [zeros("w", [4, 7]), zeros("b", [1])],
    ],
    [
      "a Gemm that adds a multiple of its bias",
      [
        makeNode("Gemm", ["x", "w", "b"], ["a"], [attribute.float("beta", 0.5)]),
        makeNode("Gemm", ["a", "w"], ["y"], [attribute.int("transB", 1), attribute.float("beta", 0)]),
      ],
      [zeros("w", [4, 7]), zeros("b", [7])],
    ],
    [
      "a Conv whose weight is computed",
      [makeNode("Abs", ["w"], ["v"]), makeNode("Conv", ["x", "v"], ["y"])],
      [zeros("w", [5, 4, 3, 3])],
    ],
    [
      "a Conv whose bias is computed",
      [makeNode("Abs", ["b"], ["c"]), makeNode("Conv", ["x", "w", "c"], ["y"])],
      [zeros("w", [5, 4, 3, 3]), zeros("b", [5])],
    ],
    [
      "an operator of another domain",
      [{ ...makeNode("Conv", ["x", "w"], ["y"]), domain: "com.example" }],
      [zeros("w", [5, 4, 3, 3])],
    ],
  ])("is not %s", (_, nodes, constants) => {
    expect(found(nodes, constants)).toEqual([]);
  });
});

describe("shift", () => {
  it("adds to what the bias is by then", () => {
    const m = model(
      [1, 2, 3, 3],
      [makeNode("Conv", ["x", "w", "b"], ["y"])],
      [zeros("w", [2, 2, 1, 1]), floatTensor("b", [2], Float32Array.of(1, -1))],
    );
    const [site] = sitesOf(m);
    expect([site!.shift(Float64Array.of(0.5, 0)), site!.shift(Float64Array.of(0.25, 2))]).toEqual([
      true,
      true,
    ]);
    expect(numbersOf(m, m.graph.nodes[0]!.inputs[2]!)).toEqual([1.75, 1]);
  });

  it("says that nothing changed when it is below what the bias can hold", () => {
    const m = model(
      [1, 2, 3, 3],
      [makeNode("Conv", ["x", "w", "b"], ["y"])],
      [zeros("w", [2, 2, 1, 1]), floatTensor("b", [2], Float32Array.of(1, -1))],
    );
    expect(sitesOf(m)[0]!.shift(Float64Array.of(1e-9, -1e-9))).toBe(false);
  });

  it("leaves other users of a shared bias what they had", () => {
    const m = model(
      [1, 2, 3, 3],
      [makeNode("Conv", ["x", "w", "b"], ["a"]), makeNode("Conv", ["a", "w", "b"], ["y"])],
      [zeros("w", [2, 2, 1, 1]), floatTensor("b", [2], Float32Array.of(1, -1))],
    );
    sitesOf(m)[0]!.shift(Float64Array.of(1, 1));
    expect(m.graph.nodes.map(({ inputs }) => numbersOf(m, inputs[2]!))).toEqual([
      [2, 0],
      [1, -1],
    ]);
  });

  it("makes a bias where there is none, and adds none of zeros", () => {
    const m = model([1, 2, 3, 3], [makeNode("Conv", ["x", "w"], ["y"])], [zeros("w", [2, 2, 1, 1])]);
    const [site] = sitesOf(m);
    expect(site!.shift(Float64Array.of(0, 0))).toBe(false);
    expect(m.graph.nodes[0]!.inputs).toHaveLength(2);
    expect([site!.shift(Float64Array.of(1, 2)), site!.shift(Float64Array.of(0, 1))]).toEqual([true, true]);
    expect(numbersOf(m, m.graph.nodes[0]!.inputs[2]!)).toEqual([1, 3]);
  });

  it(
    "counts in steps of the codes of an int8 layer, within the half of int32 that leaves " +
      "room for the products",
    () => {
      const m = model(
        [1, 2, 3, 3],
        [
          makeNode("DequantizeLinear", ["wq", "ws"], ["w"]),
          makeNode("DequantizeLinear", ["bq", "bs"], ["b"], [attribute.int("axis", 0)]),
          makeNode("Conv", ["x", "w", "b"], ["y"]),
        ],
        [
          integerTensor("wq", [2, 2, 1, 1], DataType.INT8, new Int8Array(4)),
          floatTensor("ws", [], Float32Array.of(1)),
          integerTensor("bq", [2], DataType.INT32, Int32Array.of(3, 2 ** 30 - 2)),
          floatTensor("bs", [2], Float32Array.of(0.5, 0.25)),
        ],
      );
      const [site] = sitesOf(m);
      expect(site!.shift(Float64Array.of(0.24, 0.1))).toBe(false);
      expect(site!.shift(Float64Array.of(-1.1, 5))).toBe(true);
      expect(numbersOf(m, "bq")).toEqual([1, 2 ** 30]);
    },
  );
});
