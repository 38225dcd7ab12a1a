/** The int8 operands of a layer, read from the DequantizeLinear nodes before it. */
import {
  DataType,
  elementCount,
  type GraphEditor,
  type Node,
  type Tensor,
  tensorBytes,
  toFloat32,
  toNumbers,
} from "../ir/index.js";
import { normalAxis } from "../ops/weights.js";
import { dequantization } from "./coding.js";
import { layerAt } from "./layer.js";
import { seenTensor, weightView } from "./weight-view.js";

export interface CodedActivation {
  /** The value that holds the codes. */
  readonly codes: string;
  readonly scale: number;
  /** In terms of uint8 codes: the zero point of int8 codes plus 128. */
  readonly zeroPoint: number;
  /** 128 for int8 codes, which onnxruntime converts to uint8 on x86-64, else 0. */
  readonly shift: number;
}

/** Undefined if the value is not dequantized from 8-bit codes by a constant scalar scale and zero point. */
export function codedActivation(editor: GraphEditor, name: string): CodedActivation | undefined {
  const found = dequantization(editor, name);
  if (!found) return undefined;
  const scale = single(editor.constant(found.scale));
  const zero = found.zeroPoint === "" ? undefined : editor.constant(found.zeroPoint);
  const zeroPoint = found.zeroPoint === "" ? 0 : single(zero);
  if (editor.constant(found.codes) || scale === undefined || zeroPoint === undefined) return undefined;
  const shift = shiftOf(zero?.dataType ?? DataType.UINT8);
  return shift === undefined ? undefined : { codes: found.codes, scale, zeroPoint: zeroPoint + shift, shift };
}

/** The offset that converts codes of the type to uint8; undefined for other widths. */
export function shiftOf(type: DataType): number | undefined {
  return type === DataType.UINT8 ? 0 : type === DataType.INT8 ? 128 : undefined;
}

export interface CodedWeight {
  readonly dims: readonly number[];
  readonly codes: Int8Array;
  /** One per channel. */
  readonly scales: Float32Array;
  readonly zeroPoints: Float32Array;
}

/**
 * The weight of a layer, read through a DequantizeLinear; undefined if it is not int8 codes with one scale, or
 * one per output channel.
 */
export function codedWeight(editor: GraphEditor, node: Node, index: number): CodedWeight | undefined {
  const layer = layerAt(editor, node, index);
  if (!layer?.coding?.dequantize) return undefined;
  const { scale: scaleName, zeroPoint } = layer.coding;
  const [scale, zero] = [editor.constant(scaleName), editor.constant(zeroPoint)];
  const codes = seenTensor(layer);
  if (codes.dataType !== DataType.INT8 || scale?.dataType !== DataType.FLOAT || (zeroPoint !== "" && !zero))
    return undefined;
  const axis = dequantization(editor, node.inputs[index] ?? "")!.axis;
  const channels = codes.dims[layer.channelAxis]!;
  if (
    elementCount(scale) !== 1 &&
    (elementCount(scale) !== channels || normalAxis(axis, codes.dims.length) !== layer.channelAxis)
  )
    return undefined;
  const zeros = zero ? spread(Float32Array.from(toNumbers(zero)), channels) : new Float32Array(channels);
  const scales = spread(toFloat32(scale), channels);
  return scales && zeros
    ? { dims: codes.dims, codes: int8Codes(codes), scales, zeroPoints: zeros }
    : undefined;
}

/** Constant codes in the order in which they arrive, after nodes on the way that may reorder them. */
export function seenCodes(editor: GraphEditor, name: string): Tensor | undefined {
  const view = weightView(editor, name);
  return view && seenTensor(view);
}

export function int8Codes(tensor: Tensor): Int8Array {
  const bytes = tensorBytes(tensor);
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function spread(values: Float32Array, channels: number): Float32Array | undefined {
  if (values.length === channels) return values;
  return values.length === 1 ? new Float32Array(channels).fill(values[0]!) : undefined;
}

function single(tensor: Tensor | undefined): number | undefined {
  return tensor && elementCount(tensor) === 1 ? toNumbers(tensor)[0] : undefined;
}
