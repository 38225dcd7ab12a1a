/** Reads output values as numbers, whatever their element type. */
import { bfloatToFloat, DataType, halfToFloat, type TensorValue } from "../ir/index.js";

/**
 * Float data unchanged; half precision widened; 64-bit integers rounded to doubles; booleans as 0 and 1. Not
 * for strings.
 */
export function numbersOf(value: TensorValue): ArrayLike<number> {
  const { data, dataType } = value;
  if (dataType === DataType.FLOAT16) return Float32Array.from(data as Uint16Array, halfToFloat);
  if (dataType === DataType.BFLOAT16) return Float32Array.from(data as Uint16Array, bfloatToFloat);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number);
  return data as ArrayLike<number>;
}

export function isFloatValue(value: TensorValue): boolean {
  return FLOATING.has(value.dataType);
}

const FLOATING: ReadonlySet<number> = new Set([
  DataType.FLOAT,
  DataType.DOUBLE,
  DataType.FLOAT16,
  DataType.BFLOAT16,
]);

/**
 * Index, from 0, of the largest of `length` values from `start`, each `stride` elements behind the last; the first of
 * several equal ones. NaN is never the largest.
 */
export function argMax(values: ArrayLike<number>, start: number, length: number, stride = 1): number {
  let best = -1;
  let largest = -Infinity;
  for (let i = 0; i < length; i++) {
    const value = values[start + i * stride]!;
    if (value > largest || (best < 0 && value === -Infinity)) [largest, best] = [value, i];
  }
  return best;
}
