/** Reads a weight's numbers and writes new ones in the same element type. */
import { BadModelError } from "../errors.js";
import {
  DataType,
  floatPieces,
  floatToHalf,
  tensorBytes,
  tensorPieces,
  toFloat32,
  toNumbers,
  type Tensor,
} from "../ir/index.js";

/** Elements. */
const PIECE = 2 ** 20;
const FLOATING: readonly DataType[] = [DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE];

export function isFloating(tensor: Tensor): boolean {
  return FLOATING.includes(tensor.dataType);
}

/**
 * Values as float32; int8 and uint8 codes as integers. Throws BadModelError naming the tensor for NaN and
 * infinities.
 */
export function finiteValues(tensor: Tensor): Float32Array {
  const values = isFloating(tensor) ? toFloat32(tensor) : wholeNumbers(tensor);
  requireFinite(values, tensor);
  return values;
}

/** The values of a float tensor in pieces; see `floatPieces`. Throws as `finiteValues`. */
export function* finitePieces(tensor: Tensor): Generator<Float32Array, void> {
  let begin = 0;
  for (const piece of floatPieces(tensor)) {
    requireFinite(piece, tensor, begin);
    yield piece;
    begin += piece.length;
  }
}

/** Throws BadModelError for NaN and infinities. @param begin index of the first element in the tensor */
export function requireFinite(values: Float32Array, tensor: Tensor, begin = 0): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new BadModelError(
      `weight "${tensor.name ?? ""}" holds NaN or infinite values (the first at element ` +
        `${begin + i}); the model is damaged, export it again`,
    );
  }
}

/** 8-bit codes avoid a list of numbers, which takes eight bytes each. */
function wholeNumbers(tensor: Tensor): Float32Array {
  switch (tensor.dataType) {
    case DataType.UINT8:
      return Float32Array.from(tensorBytes(tensor));
    case DataType.INT8: {
      const { buffer, byteOffset, byteLength } = tensorBytes(tensor);
      return Float32Array.from(new Int8Array(buffer, byteOffset, byteLength));
    }
    default:
      return Float32Array.from(toNumbers(tensor));
  }
}

/** The tensor with other values in its own element type; the same object if the bytes are equal. */
export function withValues(tensor: Tensor, values: Float32Array): Tensor {
  const raw = encode(tensor.dataType, values);
  if (isEqual(raw, tensor)) return tensor;
  const { name, dims, dataType, docString, metadata } = tensor;
  return {
    dims,
    dataType,
    raw,
    ...(name === undefined ? {} : { name }),
    ...(docString === undefined ? {} : { docString }),
    ...(metadata === undefined ? {} : { metadata }),
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

/** Converts pieces of values to bytes of the element type; a piece is valid until the next is requested. */
export function* encodedPieces(type: DataType, pieces: Iterable<Float32Array>): Generator<Uint8Array, void> {
  for (const piece of pieces) yield encode(type, piece);
}

/** Consecutive views on `values` of some megabytes each. */
export function* piecesOf(values: Float32Array): Generator<Float32Array, void> {
  for (let from = 0; from < values.length; from += PIECE) yield values.subarray(from, from + PIECE);
}

function encode(type: DataType, values: Float32Array): Uint8Array {
  const array = encodedArray(type, values);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function encodedArray(
  type: DataType,
  values: Float32Array,
): Float32Array | Float64Array | Uint16Array | Int8Array | Uint8Array {
  switch (type) {
    case DataType.DOUBLE:
      return Float64Array.from(values);
    case DataType.FLOAT16:
      return Uint16Array.from(values, floatToHalf);
    case DataType.BFLOAT16:
      return new Uint16Array(
        Uint32Array.from(new Uint32Array(values.slice().buffer), roundToUpperHalf).map((bits) => bits >>> 16),
      );
    case DataType.INT8:
      return Int8Array.from(values);
    case DataType.UINT8:
      return Uint8Array.from(values);
    default:
      return values;
  }
}

/** Rounds float32 bits so that the lower half is zero, ties to even. */
function roundToUpperHalf(bits: number): number {
  return (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000;
}
