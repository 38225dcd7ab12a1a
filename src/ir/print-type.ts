/** Types as text: `f32[1,N,?]`, `f32[*]` when not even the rank is known. */
import { DataType, dataTypeName } from "./data-type.js";
import type { Dimension, TypeInfo } from "./value.js";

const SHORT: Readonly<Record<number, string>> = {
  [DataType.FLOAT]: "f32", [DataType.DOUBLE]: "f64", [DataType.FLOAT16]: "f16", [DataType.BFLOAT16]: "bf16", [DataType.INT8]: "i8", [DataType.INT16]: "i16",
  [DataType.INT32]: "i32", [DataType.INT64]: "i64", [DataType.UINT8]: "u8", [DataType.UINT16]: "u16", [DataType.UINT32]: "u32", [DataType.UINT64]: "u64",
  [DataType.INT4]: "i4", [DataType.UINT4]: "u4", [DataType.INT2]: "i2", [DataType.UINT2]: "u2",
};

/** Element types by what the text calls them. */
export const TYPE_NAMES: ReadonlyMap<string, DataType> = new Map(Object.values(DataType).map((type) => [elementText(type), type]));

export function typeText({ tensor, encoded }: TypeInfo): string {
  if (tensor) return tensor.shape ? shapedText(tensor.elementType, tensor.shape) : `${elementText(tensor.elementType)}[*]`;
  return `<type of ${encoded?.bytes.byteLength ?? 0} encoded bytes>`;
}

export function shapedText(elementType: DataType, shape: readonly Dimension[]): string {
  return `${elementText(elementType)}[${shape.map(dimensionText).join(",")}]`;
}

function elementText(type: DataType): string {
  return SHORT[type] ?? dataTypeName(type);
}

function dimensionText(dimension: Dimension): string {
  if (dimension === undefined) return "?";
  return typeof dimension === "number" || /^[\w.]+$/.test(dimension) ? String(dimension) : JSON.stringify(dimension);
}
