/** Reading a weight's numbers and writing new ones in the same element type. */
import { BadModelError } from "../../errors.js";
import { DataType, floatToHalf, tensorPieces, toFloat32, toNumbers, type Tensor } from "../../ir/index.js";

const FLOATING: readonly DataType[] = [DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE];

export function isFloating(tensor: Tensor): boolean {
  return FLOATING.includes(tensor.dataType);
}

/** Values as float32; int8 and uint8 codes as whole numbers. Throws BadModelError naming the tensor for NaN and infinities. */
export function finiteValues(tensor: Tensor): Float32Array {
  const values = isFloating(tensor) ? toFloat32(tensor) : Float32Array.from(toNumbers(tensor));
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new BadModelError(`weight "${tensor.name ?? ""}" holds NaN or infinite values (the first at element ${i}); the model is damaged, export it again`);
  }
  return values;
}

/** The tensor with other values in its own element type: the same object when they come out as the same bytes. */
export function withValues(tensor: Tensor, values: Float32Array): Tensor {
  const raw = encode(tensor.dataType, values);
  if (isEqual(raw, tensor)) return tensor;
  const { name, dims, dataType, docString, metadata } = tensor;
  return {
    dims, dataType, raw,
    ...(name === undefined ? {} : { name }), ...(docString === undefined ? {} : { docString }), ...(metadata === undefined ? {} : { metadata }),
  };
}

function isEqual(raw: Uint8Array, tensor: Tensor): boolean {
  let at = 0;
  for (const piece of tensorPieces(tensor)) {
    if (Buffer.compare(raw.subarray(at, at + piece.byteLength), piece) !== 0) return false;
    at += piece.byteLength;
  }
  return at === raw.byteLength;
}

function encode(type: DataType, values: Float32Array): Uint8Array {
  const array = encodedArray(type, values);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function encodedArray(type: DataType, values: Float32Array): Float32Array | Float64Array | Uint16Array | Int8Array | Uint8Array {
  switch (type) {
    case DataType.DOUBLE: return Float64Array.from(values);
    case DataType.FLOAT16: return Uint16Array.from(values, floatToHalf);
    case DataType.BFLOAT16: return new Uint16Array(Uint32Array.from(new Uint32Array(values.slice().buffer), roundToUpperHalf).map((bits) => bits >>> 16));
    case DataType.INT8: return Int8Array.from(values);
    case DataType.UINT8: return Uint8Array.from(values);
    default: return values;
  }
}

/** Rounds float32 bits to those whose lower half is zero, ties to even. */
function roundToUpperHalf(bits: number): number {
  return (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000;
}
