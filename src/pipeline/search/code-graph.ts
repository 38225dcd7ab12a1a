/**
 * Where codes flow in a model that a quantizing pass has made: which operators work on codes, and which tensors carry them
 * between Q/DQ pairs. What it costs to leave some of these operators in float can be told from it without building that model.
 */
import { GraphEditor, intAttribute, isOp, type Model, type Node, nodeLabel } from "../../ir/index.js";
import { int8Role, valueInputs } from "../../ops/int8-kernels.js";
import type { StridedView } from "../../ops/strided-view.js";
import { weightView } from "../../ops/weight-view.js";
import type { TypeMap } from "../../ops/shapes.js";
import type { CostTable } from "../../targets/index.js";
import { floatTime, valuesOf } from "./float-times.js";

/** An operator that works on codes. */
export interface Unit {
  /** As the search names it. */
  readonly name: string;
  /** The line of a target's table; movers hand codes on for nothing. */
  readonly cost: Exclude<keyof CostTable, "gather" | "quantize" | "dequantize"> | "mover";
  /** Whether a search may leave it in float; others follow those around them. */
  readonly isCompute: boolean;
  /** In float, in multiply-adds of a 3×3 convolution. */
  readonly floatTime: number;
  /** Positions of its kernel over all places that it stands on; 0 for one of a single position. */
  readonly gathered: number;
  /** Of the activation behind it, which onnxruntime computes with it in float and apart from it in int8. */
  readonly fusedTime: number;
}

/** A tensor behind a Q/DQ pair. Units are named by their index. */
export interface CodeTensor {
  readonly values: number;
  /** Undefined for what is always float: an operator without an int8 form, or an input of the graph. */
  readonly producer: number | undefined;
  readonly readers: readonly number[];
  /** Whether something reads it that is always float. */
  readonly hasFloatReaders: boolean;
}

export interface CodeGraph {
  readonly units: readonly Unit[];
  readonly tensors: readonly CodeTensor[];
  /** Of the operators that are float in any case. */
  readonly restTime: number;
}

/**
 * Of the main graph.
 * @param float the model before the pass
 * @param types of its values
 * @param int8 what the pass made of it
 */
export function codeGraphOf(float: Model, types: TypeMap, int8: Model): CodeGraph {
  const editor = GraphEditor.forMainGraph(int8);
  const original = GraphEditor.forMainGraph(float);
  const units: Unit[] = [];
  const indices = new Map<Node, number>();
  let restTime = 0;
  for (const node of original.graph.nodes) {
    if (isFixed(node, original)) continue;
    const made = editor.producer(firstOutput(node));
    const cost = made ? costOf(node, made, editor, original) : undefined;
    if (cost !== undefined) indices.set(made!, units.push({ name: nodeLabel(node), cost, isCompute: isCompute(node), floatTime: floatTime(node, types), ...aboutConvolution(node, original, editor, types) }) - 1);
    else if (!isFused(node, original)) restTime += floatTime(node, types);
  }
  return { units, tensors: tensorsOf(editor, indices, types), restTime };
}

function isCompute(node: Node): boolean {
  return isOp(node, "Conv", "MatMul", "Gemm", "LSTM");
}

function firstOutput(node: Node): string {
  return node.outputs.find((name) => name !== "") ?? "";
}

/** Computed from constants alone, which happens once, at load. */
function isFixed(node: Node, editor: GraphEditor): boolean {
  return node.inputs.length > 0 && node.inputs.every((name) => name === "" || editor.constant(name) !== undefined);
}

/** What onnxruntime computes with the convolution before it. */
const FUSED: readonly string[] = ["Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish"];

function isFused(node: Node, editor: GraphEditor): boolean {
  const input = node.inputs[0] ?? "";
  return isOp(node, ...FUSED) && isOp(editor.producer(input), "Conv") && editor.soleConsumer(input) === node;
}

function aboutConvolution(node: Node, original: GraphEditor, int8: GraphEditor, types: TypeMap): Pick<Unit, "gathered" | "fusedTime"> {
  const weight = weightView(original, node.inputs[1] ?? "");
  if (!isOp(node, "Conv") || !weight) return { gathered: 0, fusedTime: 0 };
  const positions = positionsOf(weight);
  const next = original.soleConsumer(node.outputs[0] ?? "");
  const activation = next && isFused(next, original) ? int8.producer(firstOutput(next)) : undefined;
  return {
    gathered: positions === 1 ? 0 : (positions * valuesOf(node.outputs[0], types)) / Math.max(1, weight.dims[0] ?? 1),
    // A clamp that codes take over is gone, and what works on codes itself is counted for itself.
    fusedTime: activation && !int8Role(activation) ? floatTime(activation, types) : 0,
  };
}

function positionsOf({ dims }: StridedView): number {
  return dims.slice(2).reduce((product, dim) => product * dim, 1);
}

/** @param made what the pass put in the node's place */
function costOf(node: Node, made: Node, editor: GraphEditor, original: GraphEditor): Unit["cost"] | undefined {
  if (isCompute(node) && made.opType !== node.opType) return isOp(node, "LSTM") ? "lstm" : "dynamicMatMul";
  const inputs = isCompute(node) ? made.inputs.slice(0, 1) : valueInputs(made);
  if (inputs.length === 0 || !inputs.every((name) => isDecoded(name, editor))) return undefined;
  if (isOp(node, "MatMul", "Gemm")) return "staticMatMul";
  if (!isOp(editor.soleConsumer(made.outputs[0] ?? ""), "QuantizeLinear")) return undefined;
  if (isOp(node, "Conv")) return convolutionCost(node, original);
  return int8Role(node);
}

/** Whether the name is that of codes brought back, of an activation rather than a weight. */
function isDecoded(name: string, editor: GraphEditor): boolean {
  const producer = editor.producer(name);
  return isOp(producer, "DequantizeLinear") && editor.producer(producer.inputs[0] ?? "") !== undefined;
}

function convolutionCost(node: Node, editor: GraphEditor): Unit["cost"] {
  if (intAttribute(node, "group", 1) > 1) return "depthwiseConv";
  const weight = weightView(editor, node.inputs[1] ?? "");
  return weight && positionsOf(weight) === 1 ? "pointwiseConv" : "conv";
}

function tensorsOf(editor: GraphEditor, indices: ReadonlyMap<Node, number>, types: TypeMap): CodeTensor[] {
  return editor.graph.nodes.filter((node) => isOp(node, "QuantizeLinear")).map((quantize) => {
    const source = quantize.inputs[0] ?? "";
    const decoded = editor.consumers(quantize.outputs[0] ?? "").filter((user) => isOp(user, "DequantizeLinear")).flatMap(({ outputs }) => outputs);
    const readers = decoded.flatMap((name) => editor.consumers(name));
    const producer = editor.producer(source);
    return {
      values: valuesOf(source, types),
      producer: producer && indices.get(producer),
      readers: readers.flatMap((reader) => indices.get(reader) ?? []),
      hasFloatReaders: readers.some((reader) => !indices.has(reader)) || decoded.some((name) => editor.isOutput(name)),
    };
  });
}
