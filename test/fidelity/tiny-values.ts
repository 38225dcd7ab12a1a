/** Run-time values in a line. */
import { DataType, type Feed, type TensorValue } from "../../src/ir/index.js";

export const floats = (
  values: readonly number[],
  dims: readonly number[] = [values.length],
): TensorValue => ({ dataType: DataType.FLOAT, dims, data: Float32Array.from(values) });
export const int64s = (...values: number[]): TensorValue => ({
  dataType: DataType.INT64,
  dims: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
export const strings = (...values: string[]): TensorValue => ({
  dataType: DataType.STRING,
  dims: [values.length],
  data: values,
});
/** One output named y. */
export const y = (value: TensorValue): Feed => ({ y: value });
