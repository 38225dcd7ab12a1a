/**
 * Statistics of the values of one constant: range, zeros, distinct values, and values that are not finite.
 */
import { createHash } from "node:crypto";
import { bitsPerElement, DataType, elementCount, tensorBytes, toFloat32, type Tensor } from "../ir/index.js";
import type { WeightStatistics } from "./inspection.js";

/** More distinct values than fit in a byte do not form a codebook. */
const MAX_DISTINCT = 256;

type Values = ArrayLike<number> | ArrayLike<bigint>;

/**
 * Reads the tensor's values and loads external ones only while it runs. Null for strings, complex numbers and
 * types that edgec does not decode. Throws BadModelError for bytes that do not fit the shape, and EdgecError
 * CANNOT_READ.
 */
export function weightStatistics(tensor: Tensor): WeightStatistics | null {
  const values = valuesOf(tensor);
  return values ? statisticsOf(values) : null;
}

/**
 * A fingerprint of a constant: the first 64 bits of SHA-256 over its little-endian values, in hexadecimal.
 */
export function digestOf(tensor: Tensor): string {
  const hash = createHash("sha256");
  if (tensor.dataType === DataType.STRING)
    for (const text of tensor.typed?.string ?? []) hash.update(`${text.byteLength} `).update(text);
  else hash.update(tensorBytes(tensor));
  return hash.digest("hex").slice(0, 16);
}

/** Combines several fingerprints into one. */
export function joinedDigest(digests: readonly string[]): string {
  return digests.length === 1
    ? (digests[0] ?? "")
    : createHash("sha256").update(digests.join()).digest("hex").slice(0, 16);
}

/** The tensor with its bytes loaded, so that an external one is read only once. */
export function loaded(tensor: Tensor): Tensor {
  return tensor.external && !tensor.raw ? { ...tensor, raw: tensor.external.load() } : tensor;
}

function statisticsOf(values: Values): WeightStatistics {
  let [zeros, nan, infinite, min, max] = [0, 0, 0, Infinity, -Infinity];
  const distinct = new Set<number>();
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i]);
    if (distinct.size <= MAX_DISTINCT) distinct.add(value);
    if (value === 0) zeros++;
    if (Number.isFinite(value)) {
      if (value < min) min = value;
      if (value > max) max = value;
    } else if (Number.isNaN(value)) nan++;
    else infinite++;
  }
  const hasFinite = min <= max;
  // Minus zero counts as zero.
  return {
    zeros,
    nan,
    infinite,
    min: hasFinite ? min + 0 : null,
    max: hasFinite ? max + 0 : null,
    distinct: distinct.size > MAX_DISTINCT ? null : distinct.size,
  };
}

function valuesOf(tensor: Tensor): Values | undefined {
  switch (tensor.dataType) {
    case DataType.FLOAT16:
    case DataType.BFLOAT16:
      return toFloat32(tensor);
    case DataType.FLOAT:
      return view(tensor, Float32Array);
    case DataType.DOUBLE:
      return view(tensor, Float64Array);
    case DataType.INT8:
      return view(tensor, Int8Array);
    case DataType.UINT8:
    case DataType.BOOL:
      return view(tensor, Uint8Array);
    case DataType.INT16:
      return view(tensor, Int16Array);
    case DataType.UINT16:
      return view(tensor, Uint16Array);
    case DataType.INT32:
      return view(tensor, Int32Array);
    case DataType.UINT32:
      return view(tensor, Uint32Array);
    case DataType.INT64:
      return view(tensor, BigInt64Array);
    case DataType.UINT64:
      return view(tensor, BigUint64Array);
    case DataType.INT4:
    case DataType.INT2:
      return unpacked(tensor, true);
    case DataType.UINT4:
    case DataType.UINT2:
      return unpacked(tensor, false);
    default:
      return undefined;
  }
}

interface ViewType<T> {
  new (buffer: ArrayBufferLike, offset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
}

/** The bytes as a typed array, copied only if they are not aligned. */
function view<T>(tensor: Tensor, type: ViewType<T>): T {
  const bytes = tensorBytes(tensor);
  const { buffer, byteOffset, byteLength } =
    bytes.byteOffset % type.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new type(buffer, byteOffset, byteLength / type.BYTES_PER_ELEMENT);
}

/** Unpacks codes of less than a byte, lowest bits first. */
function unpacked(tensor: Tensor, signed: boolean): Int8Array {
  const bits = bitsPerElement(tensor.dataType) ?? 8;
  const [bytes, perByte, unused] = [tensorBytes(tensor), 8 / bits, 32 - bits];
  return Int8Array.from({ length: elementCount(tensor) }, (_, i) => {
    const code = bytes[Math.floor(i / perByte)]! >> ((i % perByte) * bits);
    return signed ? (code << unused) >> unused : code & ((1 << bits) - 1);
  });
}
