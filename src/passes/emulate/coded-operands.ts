/** The int8 operands of a layer, read from the DequantizeLinear nodes before it. */
import { DataType, elementCount, type GraphEditor, intAttribute, isOp, type Tensor, tensorBytes, toFloat32, toNumbers } from "../../ir/index.js";
import { seenTensor, weightView } from "../../ops/weight-view.js";

export interface CodedActivation {
  /** The value that holds the codes. */
  readonly codes: string;
  readonly scale: number;
  /** Of uint8 codes: that of int8 codes plus 128. */
  readonly zeroPoint: number;
  /** 128 for int8 codes, which onnxruntime moves up to uint8 on x86-64, else 0. */
  readonly shift: number;
}

/** Undefined when the value is not dequantized from 8-bit codes by constant parameters of one value. */
export function codedActivation(editor: GraphEditor, name: string): CodedActivation | undefined {
  const dequantize = editor.producer(name);
  if (!isOp(dequantize, "DequantizeLinear")) return undefined;
  const [codes = "", scaleName = "", zeroName = ""] = dequantize.inputs;
  const scale = single(editor.constant(scaleName));
  const zero = zeroName === "" ? undefined : editor.constant(zeroName);
  const zeroPoint = zeroName === "" ? 0 : single(zero);
  if (editor.constant(codes) || scale === undefined || zeroPoint === undefined) return undefined;
  const shift = shiftOf(zero?.dataType ?? DataType.UINT8);
  return shift === undefined ? undefined : { codes, scale, zeroPoint: zeroPoint + shift, shift };
}

/** What takes codes of the type to uint8; undefined for other widths. */
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

/** Undefined when the value is not dequantized from constant int8 codes with one scale, or one per channel of `channelAxis`. */
export function codedWeight(editor: GraphEditor, name: string, channelAxis: number): CodedWeight | undefined {
  const dequantize = editor.producer(name);
  if (!isOp(dequantize, "DequantizeLinear")) return undefined;
  const [scale, zero] = dequantize.inputs.slice(1).map((input) => editor.constant(input));
  const codes = seenCodes(editor, dequantize.inputs[0] ?? "");
  if (codes?.dataType !== DataType.INT8 || scale?.dataType !== DataType.FLOAT || (dequantize.inputs[2] && !zero)) return undefined;
  const axis = intAttribute(dequantize, "axis", 1);
  const channels = codes.dims[channelAxis]!;
  if (elementCount(scale) !== 1 && (elementCount(scale) !== channels || (axis + codes.dims.length) % codes.dims.length !== channelAxis)) return undefined;
  const zeros = zero ? spread(Float32Array.from(toNumbers(zero)), channels) : new Float32Array(channels);
  const scales = spread(toFloat32(scale), channels);
  return scales && zeros ? { dims: codes.dims, codes: int8Codes(codes), scales, zeroPoints: zeros } : undefined;
}

/** Constant codes in the order in which they arrive, which nodes on the way may have changed. */
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
