/** Values of a running model's inputs and outputs. */
import type { DataType } from "./data-type.js";

export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** A run-time tensor: row-major `data` of `dims`. FLOAT16 and BFLOAT16 are Uint16Array bits, BOOL is Uint8Array. */
export interface TensorValue {
  readonly dataType: DataType;
  readonly dims: readonly number[];
  readonly data: NumericArray | readonly string[];
}

/** One call's inputs (or outputs) by name. */
export type Feed = Readonly<Record<string, TensorValue>>;
