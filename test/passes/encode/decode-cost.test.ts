import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  integerTensor,
  makeNode,
  type Tensor,
} from "../../../src/ir/index.js";
import { chainCost } from "../../../src/passes/encode/decode-cost.js";

/** Bytes that a Cast of int8 codes and a product with scales make, by the rules of broadcasting. */
function made(codes: readonly number[], scales: readonly number[]): readonly number[] | undefined {
  const zeros = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);
  const constants: Record<string, Tensor> = {
    codes: integerTensor("codes", codes, DataType.INT8, new Int8Array(zeros(codes))),
    scales: floatTensor("scales", scales, new Float32Array(zeros(scales))),
  };
  const nodes = [
    makeNode("Cast", ["codes"], ["floats"], [attribute.int("to", DataType.FLOAT)]),
    makeNode("Mul", ["floats", "scales"], ["weight"]),
  ];
  return chainCost(nodes, (name) => {
    const tensor = constants[name];
    return tensor && { dims: tensor.dims, dataType: tensor.dataType, tensor: () => tensor };
  })?.made;
}

describe("chainCost", () => {
  it.each([
    [[6, 5], [6, 1], 30],
    [[6, 5], [5], 30],
    [[6, 5], [], 30],
    [[1, 5], [6, 1], 30],
    [[2, 3, 4], [3, 1], 24],
    [[4], [6, 1], 24],
  ])("knows that %j by %j makes %i numbers", (codes, scales, count) => {
    const floats = codes.reduce((product, dim) => product * dim, 1);
    expect(made(codes, scales)).toEqual([4 * floats, 4 * count]);
  });
});
