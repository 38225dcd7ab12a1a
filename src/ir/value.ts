/** The declaration of a value: its name, element type and shape. */
import type { Annotated } from "./annotations.js";
import type { DataType } from "./data-type.js";

/** A dimension: a size, a symbol, or unknown (undefined). */
export type Dimension = number | string | undefined;

/** A message of the schema that no pass reads, kept as its encoded bytes. */
export interface OpaqueMessage {
  readonly bytes: Uint8Array;
}

/** Element type and shape of a tensor value. `shape` is absent if even the rank is not declared. */
export interface TensorType {
  elementType: DataType;
  shape?: Dimension[];
}

/**
 * A declared type. `tensor` is filled for dense tensors; `encoded` keeps the file's own bytes for every kind,
 * which the writer emits unless a pass replaces the type (then `encoded` is dropped).
 */
export interface TypeInfo {
  tensor?: TensorType;
  encoded?: OpaqueMessage;
}

/** A graph input, output or intermediate value with its declaration. */
export interface ValueInfo extends Annotated {
  name: string;
  type?: TypeInfo;
}

/** A declaration of a tensor value. */
export function tensorValue(name: string, elementType: DataType, shape?: readonly Dimension[]): ValueInfo {
  return { name, type: { tensor: shape ? { elementType, shape: [...shape] } : { elementType } } };
}

/**
 * A copy of a declaration without what else the file says of the value. The bytes of a type are a view on those of
 * the whole file, which the declaration would keep in memory.
 */
export function withoutFile({ name, type }: ValueInfo): ValueInfo {
  if (!type) return { name };
  const { tensor, encoded } = type;
  return {
    name,
    type: {
      ...(tensor ? { tensor: { ...tensor, ...(tensor.shape ? { shape: [...tensor.shape] } : {}) } } : {}),
      ...(encoded ? { encoded: { bytes: Uint8Array.from(encoded.bytes) } } : {}),
    },
  };
}
