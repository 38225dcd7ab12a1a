/** Types as text: `f32[1,N,?]`, or `f32[*]` if even the rank is unknown. */
import { DataType, dataTypeName } from "./data-type.js";
import type { Dimension, OpaqueMessage, TypeInfo } from "./value.js";

/** Encoded messages of up to this many bytes, such as types of sequences, are printed in full. */
const SHOWN_BYTES = 256;

const SHORT: Readonly<Record<number, string>> = {
  [DataType.FLOAT]: "f32",
  [DataType.DOUBLE]: "f64",
  [DataType.FLOAT16]: "f16",
  [DataType.BFLOAT16]: "bf16",
  [DataType.INT8]: "i8",
  [DataType.INT16]: "i16",
  [DataType.INT32]: "i32",
  [DataType.INT64]: "i64",
  [DataType.UINT8]: "u8",
  [DataType.UINT16]: "u16",
  [DataType.UINT32]: "u32",
  [DataType.UINT64]: "u64",
  [DataType.INT4]: "i4",
  [DataType.UINT4]: "u4",
  [DataType.INT2]: "i2",
  [DataType.UINT2]: "u2",
};

/** Element types by their names in the text. */
export const TYPE_NAMES: ReadonlyMap<string, DataType> = new Map(
  Object.values(DataType).map((type) => [elementText(type), type]),
);

/** A type other than a dense tensor, such as a sequence, is printed as its bytes in the file. */
export function typeText({ tensor, encoded }: TypeInfo): string {
  if (tensor?.shape) return shapedText(tensor.elementType, tensor.shape);
  if (tensor) return `${elementText(tensor.elementType)}[*]`;
  return `<type ${encodedText(encoded ?? { bytes: new Uint8Array() })}>`;
}

/** `0x0a04`; for a long message, its length. */
export function encodedText({ bytes }: OpaqueMessage): string {
  return bytes.byteLength <= SHOWN_BYTES ? hexText(bytes) : `of ${bytes.byteLength} encoded bytes`;
}

export function hexText(bytes: Uint8Array): string {
  return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

export function shapedText(elementType: DataType, shape: readonly Dimension[]): string {
  return `${elementText(elementType)}[${shape.map(dimensionText).join(",")}]`;
}

function elementText(type: DataType): string {
  return SHORT[type] ?? dataTypeName(type);
}

function dimensionText(dimension: Dimension): string {
  if (dimension === undefined) return "?";
  return typeof dimension === "number" || isPlainSymbol(dimension) ? String(dimension) : quoted(dimension);
}

/** A symbol that looks like a size is quoted. */
function isPlainSymbol(symbol: string): boolean {
  return /^[\w.]+$/.test(symbol) && !/^\d+$/.test(symbol);
}

/** JSON's quotes and escapes, with all non-ASCII characters escaped too, so that a dump is unambiguous. */
export function quoted(text: string): string {
  const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, escaped);
}
