/**
 * The constant that a layer adds to its outputs, in whatever form the file has it. Only this file reads a bias;
 * bias-sites.ts, added-bias.ts and linear-layer.ts are views of it with what each may change.
 */
import {
  DataType,
  elementCount,
  type GraphEditor,
  isOp,
  type Node,
  type Tensor,
  toFloat32,
  toNumbers,
} from "../ir/index.js";
import { weightFact } from "../ops/weights.js";
import { dequantization } from "./coding.js";
import { finiteValues } from "./weight-values.js";

/** A constant of floats, or of int32 codes read through a DequantizeLinear. */
export interface StoredBias {
  /** The node that adds it: the layer, or the Add after a product. */
  readonly user: Node;
  /** The index and name of that node's input. */
  readonly index: number;
  readonly name: string;
  /** The floats or codes. */
  readonly tensor: Tensor;
  /** The scale of codes. */
  readonly coding?: BiasCoding;
}

export interface BiasCoding {
  readonly dequantize: Node;
  /** One value, or one per channel. */
  readonly scale: Tensor;
}

/** The bias at input `index` of the node; undefined if it is absent, computed or of another form. */
export function storedBias(editor: GraphEditor, user: Node, index: number): StoredBias | undefined {
  const name = user.inputs[index] ?? "";
  const found = dequantization(editor, name);
  if (!found) {
    const tensor = editor.constant(name);
    return tensor && { user, index, name, tensor };
  }
  const [codes, scale] = [editor.constant(found.codes), editor.constant(found.scale)];
  if (!scale || codes?.dataType !== DataType.INT32) return undefined;
  return { user, index, name, tensor: codes, coding: { dequantize: found.node, scale } };
}

/** The name of what the layer itself adds, a constant or not; empty if it adds nothing. */
export function biasName(node: Node): string {
  const index = weightFact(node)?.bias;
  return index === undefined ? "" : (node.inputs[index] ?? "");
}

/** The bias that the layer itself adds; undefined if it is absent, computed or of another form. */
export function layerBias(editor: GraphEditor, node: Node): StoredBias | undefined {
  const index = weightFact(node)?.bias;
  return index === undefined ? undefined : storedBias(editor, node, index);
}

/** Makes the layer add the value `name`. */
export function setBias(editor: GraphEditor, node: Node, name: string): void {
  const index = weightFact(node)?.bias;
  if (index !== undefined) editor.setInput(node, index, name);
}

/** Whether the layer adds nothing, or a float32 constant with a finite value for each channel. */
export function hasPlainBias(editor: GraphEditor, node: Node, channels: number): boolean {
  return biasName(node) === "" || plainBias(editor, node, channels) !== undefined;
}

/** The bias of the Add after a product, if nothing else reads the product. */
export function biasBehind(editor: GraphEditor, product: string): StoredBias | undefined {
  const add = editor.soleConsumer(product);
  return isOp(add, "Add") ? storedBias(editor, add, add.inputs[0] === product ? 1 : 0) : undefined;
}

/** Whether the bias is stored as float32. */
export function isFloatBias({ tensor, coding }: StoredBias): boolean {
  return coding === undefined && tensor.dataType === DataType.FLOAT;
}

/** Whether the bias is float32 with one value for each of `channels` along its last axis. */
export function isFloatVector(bias: StoredBias, channels: number): boolean {
  const { tensor } = bias;
  return isFloatBias(bias) && elementCount(tensor) === channels && tensor.dims.at(-1) === channels;
}

/** The bias of a layer as one float32 per channel; undefined if there is none or it has another form. */
export function plainBias(editor: GraphEditor, node: Node, channels: number): Float32Array | undefined {
  const bias = layerBias(editor, node);
  if (!bias || !isFloatBias(bias)) return undefined;
  const { tensor } = bias;
  const fits = elementCount(tensor) === channels && (tensor.dims.at(-1) ?? 1) === channels;
  return fits ? finiteValues(tensor) : undefined;
}

/** The bias in real numbers: the values of the constant, or its dequantized codes. */
export function biasValues({ tensor, coding }: Pick<StoredBias, "tensor" | "coding">): Float64Array {
  if (!coding) return Float64Array.from(toFloat32(tensor));
  const scaleOf = channelScales(coding.scale);
  return Float64Array.from(toNumbers(tensor), (code, c) => code * scaleOf(c));
}

/** The scale of each channel's codes, from a single scale or one per channel. */
export function channelScales(scale: Tensor): (channel: number) => number {
  const scales = toFloat32(scale);
  return (channel) => scales[scales.length === 1 ? 0 : channel]!;
}
