/** Constants as text: values for small ones, size and checksum for large ones. */
import { DataType } from "./data-type.js";
import { hexText, quoted, shapedText } from "./print-type.js";
import { toNumbers } from "./tensor-values.js";
import { elementCount, tensorBytes, type Tensor } from "./tensor.js";

/** Constants of up to this many elements are printed in full: shapes, axes, scales, biases of tiny models. */
export const SHOWN = 16;

const NUMERIC: ReadonlySet<DataType> = new Set([
  DataType.FLOAT,
  DataType.DOUBLE,
  DataType.FLOAT16,
  DataType.BFLOAT16,
  DataType.BOOL,
  DataType.INT8,
  DataType.INT16,
  DataType.INT32,
  DataType.INT64,
  DataType.UINT8,
  DataType.UINT16,
  DataType.UINT32,
  DataType.UINT64,
]);

/**
 * Type and value of a constant. An invalid tensor is marked as such instead of throwing. Element types that are
 * not decoded here, such as int4, are printed as bytes.
 * @param shown most elements of a constant to print in full
 */
export function constantText(tensor: Tensor, shown = SHOWN): string {
  return `${shapedText(tensor.dataType, tensor.dims)} = ${contentText(tensor, shown)}`;
}

function contentText(tensor: Tensor, shown: number): string {
  if (tensor.external && !tensor.raw && !tensor.lazy && !tensor.typed) {
    const { location, offset, length } = tensor.external;
    return `<in ${quoted(location)} at ${offset}${length === undefined ? "" : `, ${length} bytes`}>`;
  }
  try {
    const count = elementCount(tensor);
    if (tensor.dataType === DataType.STRING) return stringsText(tensor.typed?.string ?? [], shown);
    if (count <= shown && NUMERIC.has(tensor.dataType)) return valuesText(tensor);
    const bytes = tensorBytes(tensor);
    if (count <= shown) return hexText(bytes);
    return `<${bytes.byteLength} bytes, fnv1a ${checksum(bytes)}>`;
  } catch (error) {
    return `<unsound: ${(error as Error).message}>`;
  }
}

function valuesText(tensor: Tensor): string {
  const isDouble = tensor.dataType === DataType.DOUBLE;
  const values = is64(tensor.dataType)
    ? wideIntegers(tensor).map(String)
    : isDouble
      ? doubles(tensor).map((value) => numberText(value))
      : toNumbers(tensor).map(floatText);
  return tensor.dims.length === 0 ? values.join("") : `[${values.join(", ")}]`;
}

function stringsText(strings: readonly Uint8Array[], shown: number): string {
  const texts = strings.slice(0, shown).map(textOf);
  return `[${texts.join(", ")}${strings.length > shown ? `, and ${strings.length - shown} more` : ""}]`;
}

/** Text in quotes; invalid UTF-8 becomes replacement characters. */
export function textOf(bytes: Uint8Array): string {
  return quoted(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
}

function is64(type: DataType): boolean {
  return type === DataType.INT64 || type === DataType.UINT64;
}

function wideIntegers(tensor: Tensor): bigint[] {
  const { buffer } = new Uint8Array(tensorBytes(tensor));
  return tensor.dataType === DataType.INT64
    ? [...new BigInt64Array(buffer)]
    : [...new BigUint64Array(buffer)];
}

function doubles(tensor: Tensor): number[] {
  return [...new Float64Array(new Uint8Array(tensorBytes(tensor)).buffer)];
}

/** The shortest decimal that parses to the same float32; integers in full. */
export function floatText(value: number): string {
  if (Number.isInteger(value) || !Number.isFinite(value)) return numberText(value);
  for (let digits = 1; digits < 10; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return numberText(short);
  }
  return numberText(value);
}

function numberText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** 32-bit FNV-1a: enough to notice a change. */
function checksum(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
