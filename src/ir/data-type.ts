/** Element types of ONNX tensors: the schema's numbers, with their names and widths. */

export const DataType = {
  UNDEFINED: 0,
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  COMPLEX64: 14,
  COMPLEX128: 15,
  BFLOAT16: 16,
  FLOAT8E4M3FN: 17,
  FLOAT8E4M3FNUZ: 18,
  FLOAT8E5M2: 19,
  FLOAT8E5M2FNUZ: 20,
  UINT4: 21,
  INT4: 22,
  FLOAT4E2M1: 23,
  FLOAT8E8M0: 24,
  UINT2: 25,
  INT2: 26,
  FLOAT6E2M3: 27,
  FLOAT6E3M2: 28,
} as const;

/** A number of the schema's `TensorProto.DataType`; unknown future numbers are kept as they are. */
export type DataType = number;

const BITS: Readonly<Record<number, number>> = {
  1: 32,
  2: 8,
  3: 8,
  4: 16,
  5: 16,
  6: 32,
  7: 64,
  9: 8,
  10: 16,
  11: 64,
  12: 32,
  13: 64,
  14: 64,
  15: 128,
  16: 16,
  17: 8,
  18: 8,
  19: 8,
  20: 8,
  21: 4,
  22: 4,
  23: 4,
  24: 8,
  25: 2,
  26: 2,
  27: 6,
  28: 6,
};

const NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(DataType).map(([name, value]) => [value, name.toLowerCase()]),
);

/** Bits of one element, or undefined for strings and types that edgec does not know. */
export function bitsPerElement(type: DataType): number | undefined {
  return BITS[type];
}

/** Lower-case name of the schema ("float", "uint8"), or `type<N>` for an unknown number. */
export function dataTypeName(type: DataType): string {
  return NAMES[type] ?? `type${type}`;
}

/** Bytes of `count` packed elements (sub-byte types share bytes, little end first), or undefined. */
export function byteSize(type: DataType, count: number): number | undefined {
  const bits = BITS[type];
  return bits === undefined ? undefined : Math.ceil((bits * count) / 8);
}
