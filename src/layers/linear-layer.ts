/**
 * A common view of Conv, ConvTranspose, Gemm and MatMul: y = x · w + b, with a constant float32 weight into
 * which a scale per output or input channel can be multiplied. The bias of a MatMul is the Add after it.
 */
import {
  DataType,
  elementCount,
  floatAttribute,
  type GraphEditor,
  intAttribute,
  isOp,
  type Node,
  type Tensor,
  toFloat32,
} from "../ir/index.js";
import { biasBehind, biasName, biasValues, isFloatBias, isFloatVector, layerBias } from "./bias.js";
import { type Layer, plainLayer } from "./layer.js";

/** The operators of linear layers. */
export const LAYERS = ["Conv", "ConvTranspose", "Gemm", "MatMul"] as const;

/** The position of the channel axis of a value. */
interface OutputChannels {
  readonly channels: number;
  /** Rank of the value, if known. */
  readonly rank: number | undefined;
  /** Axis of the channels, counted from the end: -1 for the products of MatMul, 1 - rank for convolutions. */
  readonly fromEnd: number;
}

export interface LinearLayer {
  readonly node: Node;
  /** The node that produces the layer's output: the layer itself, or the Add with the bias of a MatMul. */
  readonly last: Node;
  /** The input of `last` for the bias; undefined for a MatMul without an Add. */
  readonly biasIndex: number | undefined;
  readonly weight: Tensor;
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
  /** The position of its output channels. */
  readonly layout: OutputChannels;
  /** One value per output channel in float64; zeros if there is no bias. */
  readonly bias: Float64Array;
}

/** New values of a layer, in float32. */
export interface LayerValues {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/**
 * The layer that `node` computes; undefined if its weight or bias is not a float32 constant.
 * @param rank rank of the node's output, if known; it does not follow from a MatMul's constant
 * @param isFixed whether a constant must not change; a layer with such a constant is not returned
 */
export function linearLayer(
  node: Node,
  editor: GraphEditor,
  rank?: number,
  isFixed?: (constant: Tensor) => boolean,
): LinearLayer | undefined {
  const layer = layerOf(node, editor, rank);
  return layer && isFixed && constantsOf(layer, editor).some(isFixed) ? undefined : layer;
}

/** The layer's weight and, if present, its bias. */
function constantsOf({ last, biasIndex, weight }: LinearLayer, editor: GraphEditor): Tensor[] {
  const bias = biasIndex === undefined ? undefined : editor.constant(last.inputs[biasIndex] ?? "");
  return bias ? [weight, bias] : [weight];
}

function layerOf(node: Node, editor: GraphEditor, rank: number | undefined): LinearLayer | undefined {
  if (!isOp(node, ...LAYERS)) return undefined;
  const layer = plainLayer(editor, node, 1);
  if (layer?.dataType !== DataType.FLOAT || layer.path.length > 0 || layer.dims.includes(0)) return undefined;
  if (layer.kind === "matmul") return matMulLayer(layer, rank);
  if (layer.kind === "gemm" && layer.dims.length !== 2) return undefined;
  const [inputs, outputs] = channelCounts(layer);
  const bias = biasOf(layer, outputs);
  const layout = { channels: outputs, rank: layer.dims.length, fromEnd: 1 - layer.dims.length };
  const weight = layer.tensor;
  return (
    bias && {
      node,
      last: node,
      biasIndex: layer.biasIndex,
      weight,
      inputs,
      outputs,
      groups: groupsOf(layer),
      layout,
      bias,
    }
  );
}

/** [input channels, output channels]. */
function channelCounts(layer: Layer): [number, number] {
  const [d0 = 1, d1 = 1] = layer.dims;
  switch (layer.kind) {
    case "conv":
      return [d1 * groupsOf(layer), d0];
    case "conv-transpose":
      return [d0, d1 * groupsOf(layer)];
    default:
      return layer.channelAxis === 0 ? [d1, d0] : [d0, d1];
  }
}

function groupsOf({ groups }: Layer): number {
  return Math.max(1, groups);
}

function matMulLayer(
  { node, editor, tensor: weight, dims }: Layer,
  rank: number | undefined,
): LinearLayer | undefined {
  if (dims.length !== 2) return undefined;
  const [inputs, outputs] = dims as [number, number];
  const layout = { channels: outputs, rank, fromEnd: -1 };
  const added = biasBehind(editor, node.outputs[0] ?? "");
  // A vector over the channels does not raise the rank, whatever the rank of x.
  const isBias = added && isFloatVector(added, outputs) && added.tensor.dims.length === 1;
  const bias = isBias ? biasValues(added) : new Float64Array(outputs);
  const [last, biasIndex] = isBias ? [added.user, added.index] : [node, undefined];
  return { node, last, biasIndex, weight, inputs, outputs, groups: 1, layout, bias };
}

/**
 * The bias in float64, zeros if there is none; undefined if it is not constant or does not have one value per
 * channel.
 */
function biasOf({ node, editor, kind }: Layer, channels: number): Float64Array | undefined {
  if (biasName(node) === "") return new Float64Array(channels);
  const bias = layerBias(editor, node);
  if (!bias || !isFloatBias(bias) || bias.tensor.dims.slice(0, -1).some((dim) => dim !== 1)) return undefined;
  const count = elementCount(bias.tensor);
  if (count !== channels && count !== 1) return undefined;
  const values = biasValues(bias);
  const factor = kind === "gemm" ? floatAttribute(node, "beta", 1) : 1;
  return Float64Array.from({ length: channels }, (_, c) => factor * (values[count === 1 ? 0 : c] ?? 0));
}

/** Whether the layer can absorb a shift of its outputs: it has a bias or an input for one. */
export function takesShift({ biasIndex }: LinearLayer): boolean {
  return biasIndex !== undefined;
}

/** y · scale + shift; undefined if new values would not be finite. */
export function withScaledOutputs(
  layer: LinearLayer,
  scale: Float64Array,
  shift: Float64Array,
): LayerValues | undefined {
  const outputOf = outputIndex(layer);
  const weight = toFloat32(layer.weight).map((value, index) => value * (scale[outputOf(index)] ?? 1));
  const bias = Float32Array.from(layer.bias, (b, c) => b * (scale[c] ?? 1) + (shift[c] ?? 0));
  return finite({ weight, bias });
}

/** The layer on x · scale + shift, as a layer on x. The shift is correct only without padding. */
export function withScaledInputs(
  layer: LinearLayer,
  scale: Float64Array,
  shift: Float64Array,
): LayerValues | undefined {
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
    // [in, out / groups, …]: input channel i belongs to group i / (in / groups), and each group has its own
    // outputs.
    const inputsPerGroup = inputs / groups;
    return (index) =>
      Math.floor(Math.floor(index / (d1 * inner)) / inputsPerGroup) * d1 + (Math.floor(index / inner) % d1);
  }
  return isOp(node, "Conv") || intAttribute(node, "transB", 0) !== 0
    ? (index) => Math.floor(index / (d1 * inner))
    : (index) => index % d1;
}

/** The input channel to which the weight's element at a row-major index belongs. */
export function inputIndex(layer: LinearLayer): (index: number) => number {
  const { node, weight, outputs, groups } = layer;
  const [, d1 = 1] = weight.dims;
  const inner = kernelSize(layer);
  if (isOp(node, "ConvTranspose")) return (index) => Math.floor(index / (d1 * inner));
  if (isOp(node, "Conv")) {
    const outputsPerGroup = outputs / groups;
    return (index) =>
      Math.floor(Math.floor(index / (d1 * inner)) / outputsPerGroup) * d1 + (Math.floor(index / inner) % d1);
  }
  return intAttribute(node, "transB", 0) !== 0 ? (index) => index % d1 : (index) => Math.floor(index / d1);
}
