/**
 * Attributes in the text that `printModel` writes: `axis=1`, `alpha=0.5`, `mode="x"`, `then_branch=graph {
 * … }`.
 */
import { AttributeType } from "../attribute.js";
import type { Graph, Attribute } from "../graph.js";
import type { Tensor } from "../tensor.js";
import type { TypeInfo } from "../value.js";
import { parseConstant } from "./constants.js";
import type { TextCursor } from "./cursor.js";
import { parseType } from "./types.js";

/** The possible items of a list, by kind. */
type Item =
  { text: Uint8Array } | { number: string } | { tensor: Tensor } | { type: TypeInfo } | { graph: Graph };

/** One attribute. A number with a point, an exponent or no end is a float, as `printModel` writes it. */
export function parseAttribute(cursor: TextCursor, parseGraph: () => Graph): Attribute {
  const name = cursor.name();
  cursor.expect("=");
  if (cursor.accept("@")) return { name, refAttrName: cursor.name() };
  if (cursor.accept("?")) return { name };
  if (cursor.accept("[")) return { name, ...parseList(cursor, parseGraph) };
  if (cursor.accept("<sparse ")) cursor.fail("sparse attributes cannot be read from text");
  const item = parseItem(cursor, parseGraph);
  if ("text" in item) return { name, type: AttributeType.STRING, s: item.text };
  if ("graph" in item) return { name, type: AttributeType.GRAPH, g: item.graph };
  if ("tensor" in item) return { name, type: AttributeType.TENSOR, t: item.tensor };
  if ("type" in item) return { name, type: AttributeType.TYPE_PROTO, tp: item.type };
  if (isWhole(item.number)) return { name, type: AttributeType.INT, i: BigInt(item.number) };
  return { name, type: AttributeType.FLOAT, f: Math.fround(Number(item.number)) };
}

function parseItem(cursor: TextCursor, parseGraph: () => Graph): Item {
  if (cursor.sees('"')) return { text: new TextEncoder().encode(cursor.quoted()) };
  if (cursor.acceptWord("graph")) return { graph: parseGraph() };
  const number = cursor.number();
  if (number !== undefined) return { number };
  // A constant is a type followed by values.
  if (isConstant(cursor)) return { tensor: parseConstant(cursor) };
  return { type: parseType(cursor) };
}

function isConstant(cursor: TextCursor): boolean {
  return cursor.comesNext(/\w+\[[^\]]*\]\s*=/y);
}

/** Items of one kind. An empty list counts as integers, because the text does not say. */
function parseList(cursor: TextCursor, parseGraph: () => Graph): Omit<Attribute, "name"> {
  const items: Item[] = [];
  while (!cursor.accept("]")) {
    items.push(parseItem(cursor, parseGraph));
    const [first] = items;
    if (Object.keys(first!).join() !== Object.keys(items.at(-1)!).join())
      cursor.fail("all items of a list must have the same kind");
  }
  const texts = items.flatMap((item) => ("text" in item ? [item.text] : []));
  if (texts.length > 0) return { type: AttributeType.STRINGS, strings: texts };
  const tensors = items.flatMap((item) => ("tensor" in item ? [item.tensor] : []));
  if (tensors.length > 0) return { type: AttributeType.TENSORS, tensors };
  const types = items.flatMap((item) => ("type" in item ? [item.type] : []));
  if (types.length > 0) return { type: AttributeType.TYPE_PROTOS, typeProtos: types };
  const graphs = items.flatMap((item) => ("graph" in item ? [item.graph] : []));
  if (graphs.length > 0) return { type: AttributeType.GRAPHS, graphs };
  const numbers = items.flatMap((item) => ("number" in item ? [item.number] : []));
  if (numbers.every(isWhole)) return { type: AttributeType.INTS, ints: numbers.map(BigInt) };
  return { type: AttributeType.FLOATS, floats: numbers.map((text) => Math.fround(Number(text))) };
}

function isWhole(text: string): boolean {
  return /^-?\d+$/.test(text);
}
