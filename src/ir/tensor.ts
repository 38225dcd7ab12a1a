/**
 * A constant tensor. Its bytes are a view on the file until its values are needed; tensors in other files are
 * loaded one at a time through their `source`.
 */
import { BadModelError } from "../errors.js";
import { pieces, readAll, type ByteSource } from "./lazy-bytes.js";
import { byteSize, DataType, dataTypeName } from "./data-type.js";
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

export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** The tensor with other bytes, of the same type and shape. */
export function withBytes(
  { name, dims, dataType, docString, metadata }: Tensor,
  bytes: Uint8Array | ByteSource,
): Tensor {
  return {
    dims,
    dataType,
    ...(bytes instanceof Uint8Array ? { raw: bytes } : { lazy: bytes }),
    ...(name === undefined ? {} : { name }),
    ...(docString === undefined ? {} : { docString }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}
