/** Reads run-time tensors of every floating-point type as plain numbers. */
import { bfloatToFloat, DataType, halfToFloat, type TensorValue } from "../ir/index.js";
import type { RealArray } from "../numeric/range.js";

/**
 * The values of a float, double, float16 or bfloat16 tensor (a view for the first two); undefined for other
 * types.
 */
export function realValues(tensor: TensorValue): RealArray | undefined {
  const { data, dataType } = tensor;
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  if (!(data instanceof Uint16Array)) return undefined;
  if (dataType === DataType.FLOAT16) return widen(data, table("half", halfToFloat));
  return dataType === DataType.BFLOAT16 ? widen(data, table("bfloat", bfloatToFloat)) : undefined;
}

function widen(bits: Uint16Array, values: Float32Array): Float32Array {
  const wide = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = values[bits[i]!]!;
  return wide;
}

const TABLES = new Map<string, Float32Array>();

/** A table of the values of all 65,536 bit patterns. */
function table(name: string, decode: (bits: number) => number): Float32Array {
  const known = TABLES.get(name) ?? Float32Array.from({ length: 65_536 }, (_, bits) => decode(bits));
  TABLES.set(name, known);
  return known;
}
