/**
 * The flow of codes in a quantized model: which operators work on codes, and which tensors carry codes between
 * Q/DQ pairs. From it, the cost of leaving some of these operators in float can be computed without building
 * that model.
 */
import { GraphEditor, intAttribute, isOp, type Model, type Node, nodeLabel } from "../ir/index.js";
import { int8Role, valueInputs } from "../ops/int8-kernels.js";
import type { StridedView } from "../ops/strided-view.js";
import { isDecodedActivation, quantizedValues, soleQuantization } from "../layers/coding.js";
import { plainLayer } from "../layers/layer.js";
import type { TypeMap } from "../ops/shapes.js";
import type { CostTable } from "../targets/index.js";
import { floatTime, valuesOf } from "./float-cost.js";

/** An operator that works on codes. */
export interface Unit {
  /** Its name in the search. */
  readonly name: string;
  /** The row of a target's cost table; movers pass codes on at no cost. */
  readonly cost: Exclude<keyof CostTable, "gather" | "quantize" | "dequantize"> | "mover";
  /** Whether a search may leave it in float; other operators follow their neighbours. */
  readonly isCompute: boolean;
  /** Cost in float, in multiply-adds of a 3×3 convolution. */
  readonly floatTime: number;
  /** Kernel positions summed over all output positions; 0 for a kernel of a single position. */
  readonly gathered: number;
  /** Cost of the following activation, which onnxruntime fuses in float but not in int8. */
  readonly fusedTime: number;
}

/** A tensor with a Q/DQ pair. Units are referred to by index. */
export interface CodeTensor {
  readonly values: number;
  /** The producer; undefined if it is always float: an operator without an int8 form, or a graph input. */
  readonly producer: number | undefined;
  readonly readers: readonly number[];
  /** Whether it has a reader that is always float. */
  readonly hasFloatReaders: boolean;
}

export interface CodeGraph {
  readonly units: readonly Unit[];
  readonly tensors: readonly CodeTensor[];
  /** Cost of the operators that are always float. */
  readonly restTime: number;
}

/**
 * Of the main graph.
 * @param float the model before the pass
 * @param types of its values
 * @param int8 the quantized model
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
    if (cost !== undefined)
      indices.set(
        made!,
        units.push({
          name: nodeLabel(node),
          cost,
          isCompute: isCompute(node),
          floatTime: floatTime(node, types),
          ...aboutConvolution(node, original, editor, types),
        }) - 1,
      );
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

/** Depends only on constants, so it is computed once, at load. */
function isFixed(node: Node, editor: GraphEditor): boolean {
  return (
    node.inputs.length > 0 && node.inputs.every((name) => name === "" || editor.constant(name) !== undefined)
  );
}

/** Activations that onnxruntime fuses with the preceding convolution. */
const FUSED: readonly string[] = ["Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish"];

function isFused(node: Node, editor: GraphEditor): boolean {
  const input = node.inputs[0] ?? "";
  return isOp(node, ...FUSED) && isOp(editor.producer(input), "Conv") && editor.soleConsumer(input) === node;
}

function aboutConvolution(
  node: Node,
  original: GraphEditor,
  int8: GraphEditor,
  types: TypeMap,
): Pick<Unit, "gathered" | "fusedTime"> {
  const weight = isOp(node, "Conv") ? plainLayer(original, node, 1) : undefined;
  if (!weight) return { gathered: 0, fusedTime: 0 };
  const positions = positionsOf(weight);
  const next = original.soleConsumer(node.outputs[0] ?? "");
  const activation = next && isFused(next, original) ? int8.producer(firstOutput(next)) : undefined;
  return {
    gathered:
      positions === 1 ? 0 : (positions * valuesOf(node.outputs[0], types)) / Math.max(1, weight.dims[0] ?? 1),
    // An absorbed clamp no longer exists, and one that works on codes is counted separately.
    fusedTime: activation && !int8Role(activation) ? floatTime(activation, types) : 0,
  };
}

function positionsOf({ dims }: StridedView): number {
  return dims.slice(2).reduce((product, dim) => product * dim, 1);
}

/** @param made the nodes that replaced it */
function costOf(
  node: Node,
  made: Node,
  editor: GraphEditor,
  original: GraphEditor,
): Unit["cost"] | undefined {
  if (isCompute(node) && made.opType !== node.opType) return isOp(node, "LSTM") ? "lstm" : "dynamicMatMul";
  const inputs = isCompute(node) ? made.inputs.slice(0, 1) : valueInputs(made);
  if (inputs.length === 0 || !inputs.every((name) => isDecodedActivation(editor, name))) return undefined;
  if (isOp(node, "MatMul", "Gemm")) return "staticMatMul";
  if (!soleQuantization(editor, made.outputs[0] ?? "")) return undefined;
  if (isOp(node, "Conv")) return convolutionCost(node, original);
  return int8Role(node);
}

function convolutionCost(node: Node, editor: GraphEditor): Unit["cost"] {
  if (intAttribute(node, "group", 1) > 1) return "depthwiseConv";
  const weight = plainLayer(editor, node, 1);
  return weight && positionsOf(weight) === 1 ? "pointwiseConv" : "conv";
}

function tensorsOf(editor: GraphEditor, indices: ReadonlyMap<Node, number>, types: TypeMap): CodeTensor[] {
  return quantizedValues(editor).map(({ source, decoded }) => {
    const readers = decoded.flatMap((name) => editor.consumers(name));
    const producer = editor.producer(source);
    return {
      values: valuesOf(source, types),
      producer: producer && indices.get(producer),
      readers: readers.flatMap((reader) => indices.get(reader) ?? []),
      hasFloatReaders:
        readers.some((reader) => !indices.has(reader)) || decoded.some((name) => editor.isOutput(name)),
    };
  });
}
