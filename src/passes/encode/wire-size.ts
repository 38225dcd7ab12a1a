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
function delimited(length: number): number {
  return 1 + varintSize(length) + length;
}

function text(value: string): number {
  return delimited(Buffer.byteLength(value));
}

/** A node as one entry of its graph. Attributes must be of the kinds that chains use: int and tensor. */
export function nodeWireSize(node: Node): number {
  let size = text(node.opType);
  for (const name of [...node.inputs, ...node.outputs]) size += text(name);
  if (node.name) size += text(node.name);
  if (node.domain) size += text(node.domain);
  for (const attribute of node.attributes) size += delimited(attributeSize(attribute));
  return delimited(size);
}

function attributeSize(attribute: Attribute): number {
  let size = text(attribute.name);
  if (attribute.i !== undefined) size += 1 + varintSize(attribute.i);
  if (attribute.t) size += delimited(tensorFieldsSize(attribute.t, storedByteLength(attribute.t)));
  // The tag of `type` (field 20) takes two bytes.
  if (attribute.type !== undefined) size += 2 + varintSize(attribute.type);
  return size;
}

/** What a constant's size is read from: values may not exist yet. */
export type TensorShape = Pick<Tensor, "name" | "dims" | "dataType">;

/** A constant as one entry of its graph, its values in `raw_data`. */
export function tensorWireSize(tensor: TensorShape): number {
  return delimited(tensorFieldsSize(tensor, byteSize(tensor.dataType, elementCount(tensor)) ?? 0));
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
export function functionWireSize({ name, domain, inputs, outputs, nodes, opsetImports }: FunctionDef): number {
  let size = 0;
  for (const value of [name, domain, ...inputs, ...outputs]) if (value !== undefined) size += text(value);
  for (const node of nodes) size += nodeWireSize(node);
  for (const opset of opsetImports) size += opsetWireSize(opset);
  // The tag of `functions` (field 25) takes two bytes.
  return 1 + delimited(size);
}
