/** Reads and creates nodes and their attributes. */
import { AttributeType } from "./attribute.js";
import type { Attribute, Node } from "./graph.js";
import { standardDomain } from "./operator-set.js";

/** Whether the node is `opType` of the standard operator set. */
export function isOp(node: Node, ...opTypes: string[]): boolean;
export function isOp(node: Node | undefined, ...opTypes: string[]): node is Node;
export function isOp(node: Node | undefined, ...opTypes: string[]): boolean {
  return node !== undefined && isStandard(node) && opTypes.includes(node.opType);
}

/** Whether the node's operator is one of the standard set. */
export function isStandard(node: Node): boolean {
  return standardDomain(node.domain) === "";
}

export function getAttribute(node: Node, name: string): Attribute | undefined {
  return node.attributes.find((a) => a.name === name);
}

/** An integer attribute as a number, or `fallback` when absent. */
export function intAttribute<T extends number | undefined>(
  node: Node,
  name: string,
  fallback: T,
): number | T {
  const found = getAttribute(node, name);
  const i = found?.i ?? (isLeftOut(found, AttributeType.INT) ? 0n : undefined);
  return i === undefined ? fallback : Number(i);
}

export function floatAttribute(node: Node, name: string, fallback: number): number {
  const found = getAttribute(node, name);
  return found?.f ?? (isLeftOut(found, AttributeType.FLOAT) ? 0 : fallback);
}

/**
 * Exporters built on proto3 omit a zero from the file: the attribute is present, with its kind but without a
 * value.
 */
function isLeftOut(attribute: Attribute | undefined, kind: number): boolean {
  return attribute?.type === kind && attribute.refAttrName === undefined;
}

export function stringAttribute<T extends string | undefined>(
  node: Node,
  name: string,
  fallback: T,
): string | T {
  const s = getAttribute(node, name)?.s;
  return s === undefined ? fallback : new TextDecoder().decode(s);
}

/** An integer-list attribute as numbers, or undefined when absent. */
export function intsAttribute(node: Node, name: string): number[] | undefined {
  return getAttribute(node, name)?.ints?.map(Number);
}

/** Sets or replaces an attribute by its name. */
export function setAttribute(node: Node, value: Attribute): void {
  const at = node.attributes.findIndex((a) => a.name === value.name);
  if (at >= 0) node.attributes[at] = value;
  else node.attributes.push(value);
}

export function removeAttribute(node: Node, name: string): void {
  node.attributes = node.attributes.filter((a) => a.name !== name);
}

/** A new node of the standard operator set. */
export function makeNode(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly Attribute[] = [],
  name?: string,
): Node {
  return {
    opType,
    inputs: [...inputs],
    outputs: [...outputs],
    attributes: [...attributes],
    ...(name === undefined ? {} : { name }),
  };
}

/** The label of a node in messages: its name, or its first output if it has none. */
export function nodeLabel(node: Node): string {
  const named = [node.name, ...node.outputs].find((name) => name !== undefined && name !== "");
  return named ?? node.opType;
}
