/** Reads the values of a tensor as numbers, and builds tensors from numbers. */
import { BadModelError } from "../errors.js";
import { byteSize, DataType, dataTypeName } from "./data-type.js";
import { halfToFloat } from "./half.js";
import { bytesOf, elementCount, type Tensor, tensorBytes, tensorPieces, tensorSource } from "./tensor.js";

/** Values of a FLOAT, FLOAT16, BFLOAT16 or DOUBLE tensor as a fresh float32 array, in row-major order. */
export function toFloat32(tensor: Tensor): Float32Array {
  const bytes = ownBytes(tensor);
  switch (tensor.dataType) {
    case DataType.FLOAT:
      return new Float32Array(bytes.buffer, 0, bytes.byteLength / 4);
    case DataType.DOUBLE:
      return Float32Array.from(new Float64Array(bytes.buffer, 0, bytes.byteLength / 8));
    case DataType.FLOAT16: {
      const halves = new Uint16Array(bytes.buffer, 0, bytes.byteLength / 2);
      const values = new Float32Array(halves.length);
      for (let i = 0; i < halves.length; i++) values[i] = halfToFloat(halves[i]!);
      return values;
    }
    case DataType.BFLOAT16: {
      const halves = new Uint16Array(bytes.buffer, 0, bytes.byteLength / 2);
      const words = new Uint32Array(halves.length);
      for (let i = 0; i < halves.length; i++) words[i] = halves[i]! * 65536;
      return new Float32Array(words.buffer);
    }
    default:
      throw new BadModelError(
        `tensor "${tensor.name ?? ""}" is ${dataTypeName(tensor.dataType)}, not floating point`,
      );
  }
}

/**
 * The values of `toFloat32` in order, in pieces that may be changed and are valid until the next is requested.
 * A large tensor is never whole in memory.
 */
export function* floatPieces(tensor: Tensor): Generator<Float32Array, void> {
  for (const piece of tensorPieces(tensor)) {
    const { dataType, name } = tensor;
    const bytes = byteSize(dataType, 1) ?? 1;
    yield toFloat32({
      dataType,
      dims: [piece.byteLength / bytes],
      raw: piece,
      ...(name === undefined ? {} : { name }),
    });
  }
}

/** Reads tensors one after another through one buffer, so that memory does not fill with garbage. */
export class FloatReader {
  private readonly buffer: Float32Array<ArrayBuffer>;

  /** @param tensors the tensors to read; those in memory need no buffer */
  constructor(tensors: readonly Tensor[]) {
    let largest = 0;
    for (const tensor of tensors) if (tensorSource(tensor)) largest = Math.max(largest, elementCount(tensor));
    this.buffer = new Float32Array(largest);
  }

  /** The values: a copy that may be changed, valid until the next call. */
  read(tensor: Tensor): Float32Array {
    const source = tensorSource(tensor);
    const count = elementCount(tensor);
    if (!source || count > this.buffer.length) return toFloat32(tensor);
    if (tensor.dataType === DataType.FLOAT)
      source.read(new Uint8Array(this.buffer.buffer, 0, source.length), 0);
    else this.decode(tensor);
    return this.buffer.subarray(0, count);
  }

  private decode(tensor: Tensor): void {
    let at = 0;
    for (const piece of floatPieces(tensor)) {
      this.buffer.set(piece, at);
      at += piece.length;
    }
  }
}

/** Values of any integer, bool or float tensor as numbers (64-bit integers beyond 2^53 lose precision). */
export function toNumbers(tensor: Tensor): number[] {
  const bytes = ownBytes(tensor);
  const { buffer, byteLength } = bytes;
  switch (tensor.dataType) {
    case DataType.UINT8:
    case DataType.BOOL:
      return Array.from(bytes);
    case DataType.INT8:
      return Array.from(new Int8Array(buffer, 0, byteLength));
    case DataType.UINT16:
      return Array.from(new Uint16Array(buffer, 0, byteLength / 2));
    case DataType.INT16:
      return Array.from(new Int16Array(buffer, 0, byteLength / 2));
    case DataType.INT32:
      return Array.from(new Int32Array(buffer, 0, byteLength / 4));
    case DataType.UINT32:
      return Array.from(new Uint32Array(buffer, 0, byteLength / 4));
    case DataType.INT64:
      return Array.from(new BigInt64Array(buffer, 0, byteLength / 8), Number);
    case DataType.UINT64:
      return Array.from(new BigUint64Array(buffer, 0, byteLength / 8), Number);
    default:
      return Array.from(toFloat32(tensor));
  }
}

/** A copy at offset 0 of its own buffer, so that any typed array can view and change it. */
function ownBytes(tensor: Tensor): Uint8Array<ArrayBuffer> {
  const bytes = tensorBytes(tensor);
  const isOwn =
    tensor.raw === undefined && bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
  return isOwn ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

/** A float32 tensor over `values` (not copied). */
export function floatTensor(name: string, dims: readonly number[], values: Float32Array): Tensor {
  return { name, dims: [...dims], dataType: DataType.FLOAT, raw: bytesOf(values) };
}

/** A tensor of an integer type from a typed array whose element width fits `dataType` (not copied). */
export function integerTensor(
  name: string,
  dims: readonly number[],
  dataType: DataType,
  values: ArrayBufferView,
): Tensor {
  return { name, dims: [...dims], dataType, raw: bytesOf(values) };
}

/** An int64 tensor: shapes, axes, starts and ends. A one-dimensional vector unless `dims` says otherwise. */
export function int64Tensor(
  name: string,
  values: readonly number[],
  dims: readonly number[] = [values.length],
): Tensor {
  return integerTensor(name, dims, DataType.INT64, BigInt64Array.from(values, BigInt));
}
