/** Official models of one operator with constant weights, placed among operators that fuse with it. */
import {
  DataType,
  floatTensor,
  int64Tensor,
  makeNode,
  type Model,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import { decodeModel, decodeTensor, encodeModelBytes } from "../../src/onnx/index.js";
import { seededFloats } from "../support/running.js";
import type { OperatorTest } from "../support/operator-archive.js";

export type Surroundings =
  | "a scale and a shift behind"
  | "a scale and a shift before"
  | "a scale before"
  | "a border before"
  | "a layer behind";

const LAYERS: readonly string[] = ["Conv", "ConvTranspose", "Gemm", "MatMul", "AveragePool", "MaxPool"];

/**
 * The test with other nodes around its operator, or undefined when it is none that fuses or its data does
 * not fit.
 */
export function surrounded(
  { name, model: bytes, dataSets }: OperatorTest,
  by: Surroundings,
): OperatorTest | undefined {
  const model = decodeModel(bytes);
  const [node, ...others] = model.graph.nodes;
  const [data] = dataSets;
  if (
    !node ||
    others.length > 0 ||
    !LAYERS.includes(node.opType) ||
    !data ||
    node.inputs[0] !== model.graph.inputs[0]?.name
  )
    return undefined;
  const [x, y] = [decodeTensor(data.inputs[0]!), decodeTensor(data.outputs[0]!)];
  if (x.dataType !== DataType.FLOAT || x.dims.length < 2 || y.dims.length < 2) return undefined;
  makeConstant(model, data.inputs);
  surround(model, node, by, x.dims, y.dims);
  return {
    name: `${name} with ${by}`,
    model: encodeModelBytes(model),
    dataSets: [{ inputs: data.inputs.slice(0, 1), outputs: [] }],
  };
}

/** Inputs behind the first become constants. */
function makeConstant({ graph }: Model, inputs: readonly Uint8Array[]): void {
  for (const [k, { name }] of graph.inputs.entries())
    if (k > 0) graph.initializers.push({ ...decodeTensor(inputs[k]!), name });
  graph.inputs = graph.inputs.slice(0, 1);
}

function surround(
  { graph }: Model,
  node: Node,
  by: Surroundings,
  x: readonly number[],
  y: readonly number[],
): void {
  const [input, output] = [node.inputs[0]!, node.outputs[0]!];
  const axisOf = (dims: readonly number[]): number => (node.opType === "MatMul" ? dims.length - 1 : 1);
  const add = (...tensors: Tensor[]): number => graph.initializers.push(...tensors);
  const behind = (nodes: Node[]): void => {
    node.outputs[0] = "inner";
    graph.nodes = [node, ...nodes];
    graph.outputs = [{ name: output }, ...graph.outputs.slice(1)];
  };
  const before = (nodes: Node[]): void => {
    node.inputs[0] = "inner";
    graph.nodes = [...nodes, node];
    graph.outputs = graph.outputs.map(({ name }) => ({ name }));
  };
  const dims = by === "a scale and a shift behind" ? y : x;
  add(perChannel("scale", dims, axisOf(dims), 3), perChannel("shift", dims, axisOf(dims), 4));
  switch (by) {
    case "a layer behind":
      add(layerWeight(y));
      behind([makeNode(y.length > 2 ? "Conv" : "MatMul", ["inner", "w2"], [output])]);
      break;
    case "a border before":
      add(int64Tensor("pads", [...x.map((_, k) => Math.max(0, k - 1)), ...x.map((_, k) => (k > 1 ? 1 : 0))]));
      before([makeNode("Relu", [input], ["positive"]), makeNode("Pad", ["positive", "pads"], ["inner"])]);
      break;
    case "a scale before":
      before([makeNode("Mul", [input, "scale"], ["inner"])]);
      break;
    case "a scale and a shift before":
      before([
        makeNode("Mul", [input, "scale"], ["scaled"]),
        makeNode("Add", ["scaled", "shift"], ["inner"]),
      ]);
      break;
    default:
      behind([
        makeNode("Mul", ["inner", "scale"], ["scaled"]),
        makeNode("Add", ["scaled", "shift"], [output]),
      ]);
  }
}

/** A 1×1 kernel for two channels, or a matrix for two columns. */
function layerWeight(y: readonly number[]): Tensor {
  const channels = y[1]!;
  const dims = y.length > 2 ? [2, channels, ...y.slice(2).map(() => 1)] : [channels, 2];
  return floatTensor("w2", dims, seededFloats(2 * channels, 5));
}

function perChannel(name: string, dims: readonly number[], axis: number, seed: number): Tensor {
  const channels = dims[axis]!;
  return floatTensor(
    name,
    [channels, ...dims.slice(axis + 1).map(() => 1)],
    seededFloats(channels, seed).map((v) => v + 2),
  );
}
