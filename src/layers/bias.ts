/**
 * The constant that a layer adds to its outputs, in whatever form the file has it: the one place that reads a
 * bias. Views of it say what may be done with it (bias-sites.ts, added-bias.ts, linear-layer.ts).
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
import { dequantization } from "./coding.js";
import { finiteValues } from "./weight-values.js";

/** A constant of floats, or of int32 codes behind a DequantizeLinear. */
export interface StoredBias {
  /** What adds it: the layer, or the Add behind a product. */
  readonly user: Node;
  /** Which of its inputs it is, and what that is called. */
  readonly index: number;
  readonly name: string;
  /** The floats or codes. */
  readonly tensor: Tensor;
  /** What codes are multiplied by. */
  readonly coding?: BiasCoding;
}

export interface BiasCoding {
  readonly dequantize: Node;
  /** One for all, or one for each channel. */
  readonly scale: Tensor;
}

/** What the node adds at input `index`; undefined when that is absent, computed or of another form. */
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

/** What the Add behind a product adds, where nothing else reads the product. */
export function biasBehind(editor: GraphEditor, product: string): StoredBias | undefined {
  const add = editor.soleConsumer(product);
  return isOp(add, "Add") ? storedBias(editor, add, add.inputs[0] === product ? 1 : 0) : undefined;
}

/** Whether the bias is float32 as it is stored. */
export function isFloatBias({ tensor, coding }: StoredBias): boolean {
  return coding === undefined && tensor.dataType === DataType.FLOAT;
}

/** Whether the bias is float32 with one value for each of so many channels, along its last axis. */
export function isFloatVector(bias: StoredBias, channels: number): boolean {
  const { tensor } = bias;
  return isFloatBias(bias) && elementCount(tensor) === channels && tensor.dims.at(-1) === channels;
}

/** The bias of a layer as one float32 per channel; undefined when there is none or it is of another form. */
export function plainBias(editor: GraphEditor, node: Node, channels: number): Float32Array | undefined {
  const bias = storedBias(editor, node, 2);
  if (!bias || !isFloatBias(bias)) return undefined;
  const { tensor } = bias;
  const fits = elementCount(tensor) === channels && (tensor.dims.at(-1) ?? 1) === channels;
  return fits ? finiteValues(tensor) : undefined;
}

/** What is added, in real numbers: the values of the constant, or of its codes. */
export function biasValues({ tensor, coding }: Pick<StoredBias, "tensor" | "coding">): Float64Array {
  if (!coding) return Float64Array.from(toFloat32(tensor));
  const scaleOf = channelScales(coding.scale);
  return Float64Array.from(toNumbers(tensor), (code, c) => code * scaleOf(c));
}

/** The scale of each channel's codes, of one for all or one for each. */
export function channelScales(scale: Tensor): (channel: number) => number {
  const scales = toFloat32(scale);
  return (channel) => scales[scales.length === 1 ? 0 : channel]!;
}
