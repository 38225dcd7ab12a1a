/** Kinds of attributes, and how to build each from a plain value. */
import type { Attribute, Graph } from "./graph.js";
import type { Tensor } from "./tensor.js";

/** The schema's `AttributeProto.AttributeType` numbers. */
export const AttributeType = {
  UNDEFINED: 0,
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
  TENSORS: 9,
  GRAPHS: 10,
  SPARSE_TENSOR: 11,
  SPARSE_TENSORS: 12,
  TYPE_PROTO: 13,
  TYPE_PROTOS: 14,
} as const;

/** Builds an attribute from a plain value: number, bigint list, string or tensor, by its JavaScript type. */
export const attribute = {
  int: (name: string, value: number | bigint): Attribute => ({
    name,
    type: AttributeType.INT,
    i: BigInt(value),
  }),
  ints: (name: string, values: readonly (number | bigint)[]): Attribute => ({
    name,
    type: AttributeType.INTS,
    ints: values.map(BigInt),
  }),
  float: (name: string, value: number): Attribute => ({ name, type: AttributeType.FLOAT, f: value }),
  floats: (name: string, values: readonly number[]): Attribute => ({
    name,
    type: AttributeType.FLOATS,
    floats: [...values],
  }),
  string: (name: string, value: string): Attribute => ({
    name,
    type: AttributeType.STRING,
    s: new TextEncoder().encode(value),
  }),
  tensor: (name: string, value: Tensor): Attribute => ({ name, type: AttributeType.TENSOR, t: value }),
  graph: (name: string, value: Graph): Attribute => ({ name, type: AttributeType.GRAPH, g: value }),
};
