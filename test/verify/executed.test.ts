import { expect, test } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  integerTensor,
  makeNode,
  tensorValue,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import { describeExecuted } from "../../src/verify/index.js";
import { tinyModel } from "../support/declared-models.js";

const SCALE = floatTensor("s", [], Float32Array.of(1));
const W = integerTensor("w", [2, 2], DataType.INT8, new Int8Array(4));

/** A graph from x to y. */
function executed(nodes: Node[], ...constants: Tensor[]) {
  return describeExecuted(
    tinyModel(nodes, { x: [DataType.FLOAT] }, { y: [DataType.FLOAT] }, [SCALE, ...constants]),
  );
}

test("integer and float kernels are counted by what they compute on, in any domain", () => {
  const nhwc = { ...makeNode("QLinearConv", ["x"], ["a"]), domain: "com.ms.internal.nhwc" };
  const nodes = [
    nhwc,
    makeNode("QLinearAdd", ["a", "a"], ["b"]),
    makeNode("FusedConv", ["b"], ["c"]),
    makeNode("MatMulNBits", ["c"], ["d"]),
    makeNode("Relu", ["d"], ["y"]),
  ];
  expect(executed(nodes)).toMatchObject({
    int8Kernels: 1,
    otherInt8: 1,
    floatKernels: 1,
    blockKernels: 1,
    strayQdq: 0,
  });
});

test("conversions at graph inputs and outputs are not strays, even behind a Reshape", () => {
  const nodes = [
    makeNode("Reshape", ["x", "shape"], ["r"]),
    makeNode("QuantizeLinear", ["r", "s"], ["q"]),
    makeNode("QLinearConv", ["q"], ["c"]),
    makeNode("DequantizeLinear", ["c", "s"], ["d"]),
    makeNode("Flatten", ["d"], ["y"]),
  ];
  expect(executed(nodes, floatTensor("shape", [1], Float32Array.of(1))).strayQdq).toBe(0);
});

test("a conversion between an integer and a float kernel is a transition", () => {
  const nodes = [
    makeNode("QLinearConv", ["x"], ["c"]),
    makeNode("DequantizeLinear", ["c", "s"], ["d"], [], "dq"),
    makeNode("Erf", ["d"], ["y"]),
  ];
  expect(executed(nodes)).toMatchObject({ strayQdq: 1, leftovers: { transitions: ["dq"] } });
});

test("quantizing and going straight back is a round trip", () => {
  const nodes = [
    makeNode("Erf", ["x"], ["a"]),
    makeNode("QuantizeLinear", ["a", "s"], ["q"], [], "q"),
    makeNode("DequantizeLinear", ["q", "s"], ["d"], [], "dq"),
    makeNode("Erf", ["d"], ["y"]),
  ];
  expect(executed(nodes)).toMatchObject({
    strayQdq: 2,
    leftovers: { roundTrips: ["q", "dq"], transitions: [] },
  });
});

test("weights that are decoded in every inference are found", () => {
  const nodes = [
    makeNode("DequantizeLinear", ["w", "s"], ["f"], [], "weight"),
    makeNode("Cast", ["w"], ["c"], [attribute.int("to", 1)], "cast"),
    makeNode("Mul", ["c", "s"], ["m"], [], "scale"),
    makeNode("Conv", ["x", "f"], ["h"]),
    makeNode("MatMul", ["h", "m"], ["y"]),
  ];
  expect(executed(nodes, W)).toMatchObject({
    floatKernels: 2,
    strayQdq: 3,
    leftovers: { weightDequantize: ["weight"], decodeNodes: ["cast", "scale"] },
  });
});

test("bodies are read too, and know the constants around them", () => {
  const nodes = [
    makeNode("Cast", ["w"], ["c"], [attribute.int("to", 1)], "cast"),
    makeNode("MatMul", ["x", "c"], ["o"]),
  ];
  const body = { ...emptyGraph("body"), nodes, outputs: [tensorValue("o", DataType.FLOAT)] };
  const node = makeNode("If", ["x"], ["y"], [attribute.graph("then_branch", body)]);
  expect(executed([node], W)).toMatchObject({ floatKernels: 1, leftovers: { decodeNodes: ["cast"] } });
});
