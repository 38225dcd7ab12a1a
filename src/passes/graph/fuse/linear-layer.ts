/**
 * A view of Conv, ConvTranspose, Gemm and MatMul as one thing: y = x · w + b, with a constant float32 weight and a scale
 * for each output or input channel that can be multiplied into it. The bias of a MatMul is the Add behind it.
 */
import { DataType, elementCount, floatAttribute, floatTensor, type GraphEditor, intAttribute, isOp, type Node, nodeLabel, removeAttribute, type Tensor, toFloat32 } from "../../../ir/index.js";
import type { ChannelLayout } from "../channel-affine.js";
import type { Rewrite } from "./rewrite.js";

export interface LinearLayer {
  readonly node: Node;
  /** The node that gives the layer's output: the layer itself, or the Add with the bias of a MatMul. */
  readonly last: Node;
  readonly weight: Tensor;
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
  readonly layout: ChannelLayout;
  /** One value for each output channel in float64, zeros when there is no bias. */
  readonly bias: Float64Array;
}

/** New values of a layer, in float32. */
export interface LayerValues {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/**
 * The layer that `node` computes; undefined when its weight or bias is no float32 constant.
 * @param rank rank of the node's output, where it is known; MatMul alone does not tell it
 * @param isFixed tells constants that must stay: a layer that has one is none
 */
export function linearLayer(node: Node, editor: GraphEditor, rank?: number, isFixed?: (constant: Tensor) => boolean): LinearLayer | undefined {
  const layer = layerOf(node, editor, rank);
  return layer && isFixed && constantsOf(layer, editor).some(isFixed) ? undefined : layer;
}

/** The layer's weight and, where it has one, its bias. */
function constantsOf({ node, last, weight }: LinearLayer, editor: GraphEditor): Tensor[] {
  const names = last === node ? node.inputs.slice(2, 3) : last.inputs;
  return [weight, ...names.flatMap((name) => editor.constant(name) ?? [])];
}

function layerOf(node: Node, editor: GraphEditor, rank: number | undefined): LinearLayer | undefined {
  if (!isOp(node, "Conv", "ConvTranspose", "Gemm", "MatMul")) return undefined;
  const weight = editor.constant(node.inputs[1] ?? "");
  if (weight?.dataType !== DataType.FLOAT || weight.dims.length < 2 || weight.dims.includes(0)) return undefined;
  if (isOp(node, "MatMul")) return matMulLayer(node, weight, editor, rank);
  if (isOp(node, "Gemm") && weight.dims.length !== 2) return undefined;
  const [inputs, outputs] = channelCounts(node, weight.dims);
  const bias = biasOf(node, outputs, editor);
  const layout = { channels: outputs, rank: weight.dims.length, fromEnd: 1 - weight.dims.length };
  return bias && { node, last: node, weight, inputs, outputs, groups: groupsOf(node), layout, bias };
}

/** [input channels, output channels]. */
function channelCounts(node: Node, [d0 = 1, d1 = 1]: readonly number[]): [number, number] {
  if (isOp(node, "Conv")) return [d1 * groupsOf(node), d0];
  if (isOp(node, "ConvTranspose")) return [d0, d1 * groupsOf(node)];
  return intAttribute(node, "transB", 0) !== 0 ? [d1, d0] : [d0, d1];
}

function groupsOf(node: Node): number {
  return isOp(node, "Conv", "ConvTranspose") ? Math.max(1, intAttribute(node, "group", 1)) : 1;
}

function matMulLayer(node: Node, weight: Tensor, editor: GraphEditor, rank: number | undefined): LinearLayer | undefined {
  if (weight.dims.length !== 2) return undefined;
  const [inputs, outputs] = weight.dims as [number, number];
  const layout = { channels: outputs, rank, fromEnd: -1 };
  const product = node.outputs[0] ?? "";
  const next = editor.soleConsumer(product);
  const added = isOp(next, "Add") ? editor.constant(next.inputs[next.inputs[0] === product ? 1 : 0] ?? "") : undefined;
  // A vector of the channels raises no rank, whatever the rank of x is.
  const isBias = added?.dataType === DataType.FLOAT && added.dims.length === 1 && added.dims[0] === outputs;
  const bias = isBias ? Float64Array.from(toFloat32(added)) : new Float64Array(outputs);
  return { node, last: isBias && next ? next : node, weight, inputs, outputs, groups: 1, layout, bias };
}

/** The bias in float64, zeros when there is none; undefined when it is no constant or no value for each channel. */
function biasOf(node: Node, channels: number, editor: GraphEditor): Float64Array | undefined {
  const name = node.inputs[2] ?? "";
  if (name === "") return new Float64Array(channels);
  const tensor = editor.constant(name);
  if (tensor?.dataType !== DataType.FLOAT || tensor.dims.slice(0, -1).some((dim) => dim !== 1)) return undefined;
  const count = elementCount(tensor);
  if (count !== channels && count !== 1) return undefined;
  const values = toFloat32(tensor);
  const factor = isOp(node, "Gemm") ? floatAttribute(node, "beta", 1) : 1;
  return Float64Array.from({ length: channels }, (_, c) => factor * (values[count === 1 ? 0 : c] ?? 0));
}

/** Whether the layer can take any shift of its outputs: it has a bias or an input for one. */
export function takesShift({ node, last }: LinearLayer): boolean {
  return !isOp(node, "MatMul") || last !== node;
}

/** y · scale + shift; undefined when new values would not be finite. */
export function withScaledOutputs(layer: LinearLayer, scale: Float64Array, shift: Float64Array): LayerValues | undefined {
  const outputOf = outputIndex(layer);
  const weight = toFloat32(layer.weight).map((value, index) => value * (scale[outputOf(index)] ?? 1));
  const bias = Float32Array.from(layer.bias, (b, c) => b * (scale[c] ?? 1) + (shift[c] ?? 0));
  return finite({ weight, bias });
}

/** The layer over x · scale + shift, as a layer over x. The shift is right where the layer pads nothing. */
export function withScaledInputs(layer: LinearLayer, scale: Float64Array, shift: Float64Array): LayerValues | undefined {
  const [inputOf, outputOf] = [inputIndex(layer), outputIndex(layer)];
  const alpha = isOp(layer.node, "Gemm") ? floatAttribute(layer.node, "alpha", 1) : 1;
  const sums = Float64Array.from(layer.bias);
  const weight = toFloat32(layer.weight);
  weight.forEach((value, index) => {
    const input = inputOf(index);
    sums[outputOf(index)]! += alpha * value * (shift[input] ?? 0);
    weight[index] = value * (scale[input] ?? 1);
  });
  return finite({ weight, bias: Float32Array.from(sums) });
}

export function finite(values: LayerValues): LayerValues | undefined {
  return values.weight.every(Number.isFinite) && values.bias.every(Number.isFinite) ? values : undefined;
}

/** Elements of a weight that share a channel pair: the kernel's size. */
function kernelSize({ weight }: LinearLayer): number {
  return weight.dims.slice(2).reduce((product, dim) => product * dim, 1);
}

/** The output channel to which the weight's element at a row-major index belongs. */
export function outputIndex(layer: LinearLayer): (index: number) => number {
  const { node, weight, inputs, groups } = layer;
  const [, d1 = 1] = weight.dims;
  const inner = kernelSize(layer);
  if (isOp(node, "ConvTranspose")) {
    // [in, out / groups, …]: input channel i belongs to group i / (in / groups), and each group has outputs of its own.
    const inputsPerGroup = inputs / groups;
    return (index) => Math.floor(Math.floor(index / (d1 * inner)) / inputsPerGroup) * d1 + (Math.floor(index / inner) % d1);
  }
  return isOp(node, "Conv") || intAttribute(node, "transB", 0) !== 0 ? (index) => Math.floor(index / (d1 * inner)) : (index) => index % d1;
}

/** The input channel to which the weight's element at a row-major index belongs. */
export function inputIndex(layer: LinearLayer): (index: number) => number {
  const { node, weight, outputs, groups } = layer;
  const [, d1 = 1] = weight.dims;
  const inner = kernelSize(layer);
  if (isOp(node, "ConvTranspose")) return (index) => Math.floor(index / (d1 * inner));
  if (isOp(node, "Conv")) {
    const outputsPerGroup = outputs / groups;
    return (index) => Math.floor(Math.floor(index / (d1 * inner)) / outputsPerGroup) * d1 + (Math.floor(index / inner) % d1);
  }
  return intAttribute(node, "transB", 0) !== 0 ? (index) => index % d1 : (index) => Math.floor(index / d1);
}

/** Names of what new values are made of, besides the layer's own weight and bias. */
export interface Sources {
  /** Another layer's weight. */
  readonly weights?: readonly string[];
  /** Inputs of the step that is folded in: of its constants a bias is made where there was none. */
  readonly steps?: readonly string[];
}

/**
 * Gives the layer new values, as constants that it shares with layers of equal ones. A bias of zeros is not added where
 * there was none.
 */
export function writeLayer({ node, last, weight }: LinearLayer, values: LayerValues, rewrite: Rewrite, { weights = [], steps = [] }: Sources = {}): void {
  rewrite.setConstant(node, 1, floatTensor(weight.name ?? "weight", weight.dims, values.weight), ...weights);
  const biasIndex = last === node ? 2 : last.inputs.indexOf(node.outputs[0] ?? "") === 0 ? 1 : 0;
  const old = last.inputs[biasIndex] ?? "";
  if (old === "" && (isOp(node, "MatMul") || values.bias.every((value) => value === 0))) return;
  const bias = floatTensor(old === "" ? `${nodeLabel(node)}_bias` : old, [values.bias.length], values.bias);
  rewrite.setConstant(last, biasIndex, bias, ...(old === "" ? steps : []));
  if (isOp(node, "Gemm")) removeAttribute(node, "beta");
}
