import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  integerTensor,
  int64Tensor,
  makeNode,
} from "../../../src/ir/index.js";
import type { Node, Tensor } from "../../../src/ir/index.js";
import { encodeModelBytes } from "../../../src/onnx/index.js";
import { nodeWireSize, tensorWireSize, varintSize } from "../../../src/passes/encode/wire-size.js";
import { tinyModel } from "./tiny-models.js";

/** What the parts add to an encoded graph long enough that its own length prefix does not grow with them. */
function addedBytes(nodes: Node[], initializers: Tensor[]): number {
  const ballast = floatTensor("ballast", [500], new Float32Array(500));
  const size = (n: Node[], t: Tensor[]): number =>
    encodeModelBytes(tinyModel(17, { inputs: [], outputs: [], nodes: n, initializers: [ballast, ...t] }))
      .byteLength;
  return size(nodes, initializers) - size([], []);
}

describe("wire sizes are those of the written file", () => {
  const nodes = [
    makeNode("Div", ["e1", "e2"], ["e3"]),
    makeNode("Cast", ["a"], ["ä"], [attribute.int("to", DataType.INT32)]),
    makeNode(
      "ConstantOfShape",
      ["s"],
      ["z".repeat(130)],
      [attribute.tensor("value", { dims: [1], dataType: DataType.INT8, raw: Uint8Array.of(128) })],
    ),
    makeNode("Concat", ["a", "b"], ["c"], [attribute.int("axis", -1)], "named"),
  ];
  it.each(nodes)("node $opType", (node) => {
    expect(nodeWireSize(node)).toBe(addedBytes([node], []));
  });

  const tensors = [
    floatTensor("w", [64, 3, 3, 3], new Float32Array(1728)),
    int64Tensor("shape", [64, -1]),
    integerTensor("r", [], DataType.INT32, Int32Array.of(16)),
    { name: "odd", dims: [5], dataType: DataType.UINT4, raw: Uint8Array.of(0x21, 0x43, 0x05) },
  ];
  it.each(tensors)("constant $name $dims", (tensor) => {
    expect(tensorWireSize(tensor)).toBe(addedBytes([], [tensor]));
  });

  it("counts varint bytes at the borders", () => {
    expect([0, 127, 128, 16383, 16384, 2 ** 31, -1].map(varintSize)).toEqual([1, 1, 2, 2, 3, 5, 10]);
  });
});
