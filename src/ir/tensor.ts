/**
 * A constant tensor. Its bytes are a view on the file until its values are needed; tensors in other files are
 * loaded one at a time through their `source`.
 */
import { BadModelError } from "../errors.js";
import { pieces, readAll, type ByteSource } from "./byte-source.js";
import { byteSize, DataType, dataTypeName } from "./data-type.js";
import { halfToFloat } from "./half.js";
import type { Annotated, StringEntry } from "./annotations.js";

/** The numeric fields a file may use instead of `raw_data`; kept as read so that writing is lossless. */
export interface TypedData {
  readonly float?: readonly number[];
  readonly int32?: readonly number[];
  readonly int64?: readonly bigint[];
  readonly double?: readonly number[];
  readonly uint64?: readonly bigint[];
  readonly string?: readonly Uint8Array[];
  /** Number of entries of the lists, if known without decoding them. */
  readonly entries?: number;
}

/** The location of an external tensor's bytes. `load` reads just this tensor. */
export interface ExternalSource {
  readonly location: string;
  /** The folder that `location` is relative to: that of the model file. */
  readonly folder?: string;
  readonly offset: number;
  readonly length: number | undefined;
  load(): Uint8Array;
  /** Fills `target` with the bytes from `from` on, counted from the tensor's first. */
  read?(target: Uint8Array, from: number): void;
}

export interface Tensor extends Annotated {
  name?: string;
  dims: number[];
  dataType: DataType;
  /** Little-endian bytes, or undefined when `lazy`, `typed` or `external` holds the values. */
  raw?: Uint8Array;
  /** The content of `raw`, left on disk: in the model file or a scratch file. Written like `raw`. */
  lazy?: ByteSource;
  typed?: TypedData;
  external?: ExternalSource;
  /** The file's own external_data entries and data_location, kept for lossless writing. */
  externalData?: StringEntry[];
  dataLocation?: number;
  segment?: { begin?: bigint; end?: bigint; unknownFields?: readonly Uint8Array[] };
}

/** Number of elements; 1 for a scalar. Throws BadModelError for negative or overflowing dims. */
export function elementCount(tensor: Pick<Tensor, "name"> & { readonly dims: readonly number[] }): number {
  let count = 1;
  for (const dim of tensor.dims) {
    if (!Number.isSafeInteger(dim) || dim < 0)
      throw new BadModelError(`tensor "${tensor.name ?? ""}" has an invalid dimension ${dim}`);
    count *= dim;
  }
  if (!Number.isSafeInteger(count))
    throw new BadModelError(`tensor "${tensor.name ?? ""}" has more elements than can be addressed`);
  return count;
}

/**
 * Little-endian bytes of the tensor as in `raw_data`, loading or encoding them when needed. A view where
 * possible: do not write into it. Throws BadModelError if the length does not fit the shape.
 */
export function tensorBytes(tensor: Tensor): Uint8Array {
  const { raw, lazy, external } = tensor;
  const bytes = raw ?? (lazy ? readAll(lazy) : external?.load()) ?? encodeTyped(tensor);
  requireLength(tensor, bytes.byteLength);
  return bytes;
}

/**
 * The bytes of `tensorBytes` from first to last, in pieces of some megabytes that hold whole elements. A piece
 * is valid until the next is requested, because a tensor on disk is read through one small buffer.
 */
export function tensorPieces(tensor: Tensor): Generator<Uint8Array, void> {
  return pieces(tensorSource(tensor) ?? tensorBytes(tensor));
}

/** The source of a tensor that is not in memory; undefined if it is. Throws BadModelError as `tensorBytes`. */
export function tensorSource(tensor: Tensor): ByteSource | undefined {
  const { raw, lazy, external, typed } = tensor;
  if (raw || (typed && !external)) return undefined;
  const source = lazy ?? externalRange(external);
  if (source) requireLength(tensor, source.length);
  return source;
}

/** External bytes as a source, if their number is known. */
export function externalRange(external: ExternalSource | undefined): ByteSource | undefined {
  if (external?.length === undefined || !external.read) return undefined;
  return { length: external.length, read: external.read.bind(external) };
}

function requireLength(tensor: Tensor, length: number): void {
  const expected = byteSize(tensor.dataType, elementCount(tensor));
  if (expected === undefined)
    throw new BadModelError(
      `tensor "${tensor.name ?? ""}" of type ${dataTypeName(tensor.dataType)} has no byte form`,
    );
  if (length !== expected) {
    throw new BadModelError(
      `tensor "${tensor.name ?? ""}" (${dataTypeName(tensor.dataType)} ` +
        `[${tensor.dims.join(", ")}]) holds ${length} bytes where ${expected} are needed`,
    );
  }
}

/** Bytes the tensor's values take in the file, without loading them. */
export function storedByteLength(tensor: Tensor): number {
  if (tensor.raw) return tensor.raw.byteLength;
  if (tensor.lazy) return tensor.lazy.length;
  if (tensor.external?.length !== undefined) return tensor.external.length;
  return (
    byteSize(tensor.dataType, elementCount(tensor)) ??
    tensor.typed?.string?.reduce((sum, s) => sum + s.byteLength, 0) ??
    0
  );
}

function encodeTyped(tensor: Tensor): Uint8Array {
  const typed = tensor.typed ?? {};
  const count = elementCount(tensor);
  switch (tensor.dataType) {
    case DataType.FLOAT:
    case DataType.COMPLEX64:
      return bytesOf(Float32Array.from(typed.float ?? []));
    case DataType.DOUBLE:
    case DataType.COMPLEX128:
      return bytesOf(Float64Array.from(typed.double ?? []));
    case DataType.INT64:
      return bytesOf(BigInt64Array.from(typed.int64 ?? []));
    case DataType.UINT64:
      return bytesOf(BigUint64Array.from(typed.uint64 ?? []));
    case DataType.UINT32:
      return bytesOf(Uint32Array.from(typed.uint64 ?? [], Number));
    case DataType.INT32:
      return bytesOf(Int32Array.from(typed.int32 ?? []));
    case DataType.INT16:
    case DataType.UINT16:
    case DataType.FLOAT16:
    case DataType.BFLOAT16:
      return bytesOf(Uint16Array.from(typed.int32 ?? []));
    default: {
      // 8-bit types hold one element per int32 entry; sub-byte types one packed byte per entry.
      const bytes = byteSize(tensor.dataType, count);
      if (bytes === undefined)
        throw new BadModelError(
          `tensor "${tensor.name ?? ""}" of type ${dataTypeName(tensor.dataType)} has no byte form`,
        );
      return Uint8Array.from(typed.int32 ?? []);
    }
  }
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

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
        `tensor "${tensor.name ?? ""}" is ${dataTypeName(tensor.dataType)}, not floating-point`,
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
export function ownBytes(tensor: Tensor): Uint8Array<ArrayBuffer> {
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
