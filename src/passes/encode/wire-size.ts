/**
 * Bytes that nodes and constants take in the file (protobuf wire format of the ONNX schema), so that forms of
 * storage can be compared without writing them.
 */
import { byteSize, elementCount, storedByteLength } from "../../ir/index.js";
import type { Attribute, FunctionDef, Node, OpsetImport, Tensor } from "../../ir/index.js";

/** Bytes of a base-128 varint. Negative numbers always take ten. */
export function varintSize(value: number | bigint): number {
  if (value < 0) return 10;
  let size = 1;
  for (let rest = Number(value); rest > 127; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** A length-delimited field with a one-byte tag: tag, length, content. */
export function delimited(length: number): number {
  return 1 + varintSize(length) + length;
}

/** A string as a field with a one-byte tag. */
export function text(value: string): number {
  return delimited(Buffer.byteLength(value));
}

/** A node as one entry of its graph. Bodies are left out. */
export function nodeWireSize(node: Node): number {
  return delimited(nodeFieldsSize(node));
}

/** The same without tag and length. */
export function nodeFieldsSize(node: Node): number {
  let size = text(node.opType);
  for (const name of [...node.inputs, ...node.outputs]) size += text(name);
  if (node.name) size += text(node.name);
  if (node.domain) size += text(node.domain);
  if (node.overload) size += text(node.overload);
  for (const attribute of node.attributes) size += delimited(attributeSize(attribute));
  return size;
}

function attributeSize({ name, i, f, s, t, ints, floats, strings, type }: Attribute): number {
  let size = text(name);
  if (i !== undefined) size += 1 + varintSize(i);
  if (f !== undefined) size += 5;
  if (s) size += delimited(s.byteLength);
  if (t) size += delimited(tensorFieldsSize(t, storedByteLength(t)));
  // Lists are written one entry at a time.
  for (const entry of ints ?? []) size += 1 + varintSize(entry);
  size += 5 * (floats?.length ?? 0);
  for (const entry of strings ?? []) size += delimited(entry.byteLength);
  // The tag of `type` (field 20) takes two bytes.
  if (type !== undefined) size += 2 + varintSize(type);
  return size;
}

/** What a constant's size is read from: values may not exist yet. */
export interface TensorShape extends Pick<Tensor, "name" | "dataType"> {
  readonly dims: readonly number[];
}

/** A constant as one entry of its graph, its values in `raw_data`. */
export function tensorWireSize(tensor: TensorShape): number {
  return delimited(tensorFieldsSize(tensor, byteSize(tensor.dataType, elementCount(tensor)) ?? 0));
}

/** A constant as it is in the file now: its values may be in typed fields, whose integers are varints. */
export function writtenTensorSize(tensor: Tensor): number {
  const { raw, lazy, external, typed } = tensor;
  const isTyped = raw === undefined && lazy === undefined && external === undefined;
  const bytes = isTyped && typed ? typedSize(typed) : storedByteLength(tensor);
  return delimited(tensorFieldsSize(tensor, bytes));
}

function typedSize({ float, int32, int64, double, uint64, string }: NonNullable<Tensor["typed"]>): number {
  let size = 4 * (float?.length ?? 0) + 8 * (double?.length ?? 0);
  for (const list of [int32, int64, uint64]) for (const value of list ?? []) size += varintSize(value);
  for (const value of string ?? []) size += delimited(value.byteLength);
  return size;
}

function tensorFieldsSize(tensor: TensorShape, rawBytes: number): number {
  let size = 1 + varintSize(tensor.dataType) + delimited(rawBytes);
  for (const dim of tensor.dims) size += 1 + varintSize(dim);
  if (tensor.name) size += text(tensor.name);
  return size;
}

/** An imported operator set as one entry of its model or function. */
export function opsetWireSize({ domain, version = 0n }: OpsetImport): number {
  return delimited((domain === undefined ? 0 : text(domain)) + 1 + varintSize(version));
}

/** A function, without annotations, as one entry of its model. */
export function functionWireSize({
  name,
  domain,
  inputs,
  outputs,
  nodes,
  opsetImports,
}: FunctionDef): number {
  let size = 0;
  for (const value of [name, domain, ...inputs, ...outputs]) if (value !== undefined) size += text(value);
  for (const node of nodes) size += nodeWireSize(node);
  for (const opset of opsetImports) size += opsetWireSize(opset);
  // The tag of `functions` (field 25) takes two bytes.
  return 1 + delimited(size);
}
