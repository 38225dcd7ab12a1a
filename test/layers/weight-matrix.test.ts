import { describe, expect, it } from "vitest";
import { attribute, GraphEditor, makeNode, type Node, type Tensor } from "../../src/ir/index.js";
import { plainLayers } from "../../src/layers/layer.js";
import { matrixLayout, readRows, writeRows } from "../../src/layers/weight-matrix.js";
import { floats, model } from "../support/weight-models.js";

const counting = (dims: readonly number[]): Tensor =>
  floats(
    "w",
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => i),
  );

function rowsOf(node: Node, weight: Tensor): number[][] {
  const [site] = plainLayers(GraphEditor.forMainGraph(model([node], [weight])));
  const layout = matrixLayout(site!);
  const values = Float32Array.from({ length: layout.rows * layout.columns }, (_, i) => i);
  const matrix = readRows(values, layout);
  expect([...writeRows(matrix, layout)]).toEqual([...values]);
  return Array.from({ length: layout.rows }, (_, row) => [
    ...matrix.subarray(row * layout.columns, (row + 1) * layout.columns),
  ]);
}

describe("rows of a weight, one for each output", () => {
  it("of MatMul are the columns", () => {
    expect(rowsOf(makeNode("MatMul", ["x", "w"], ["y"]), counting([2, 3]))).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
  });

  it("of a batched MatMul are the columns of each matrix", () => {
    expect(rowsOf(makeNode("MatMul", ["x", "w"], ["y"]), counting([2, 2, 1]))).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it("of Gemm with transB are the rows", () => {
    expect(
      rowsOf(makeNode("Gemm", ["x", "w"], ["y"], [attribute.int("transB", 1)]), counting([2, 3])),
    ).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
  });

  it("of a convolution are its filters, channels outermost", () => {
    expect(rowsOf(makeNode("Conv", ["x", "w"], ["y"]), counting([2, 2, 1, 2]))).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
  });

  it("of a transposed convolution gather each output's kernels over the channels of its group", () => {
    // [C = 4, M / groups = 1, 2] in two groups: output 0 sums channels 0 and 1, output 1 channels 2 and 3.
    expect(
      rowsOf(makeNode("ConvTranspose", ["x", "w"], ["y"], [attribute.int("group", 2)]), counting([4, 1, 2])),
    ).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
    // [C = 2, M = 2, 1]: output m takes kernel (c, m) of every channel c.
    expect(rowsOf(makeNode("ConvTranspose", ["x", "w"], ["y"]), counting([2, 2, 1]))).toEqual([
      [0, 2],
      [1, 3],
    ]);
  });
});
