/** Types, constants and attributes in the text that `printModel` writes. */
import { AttributeType, type Attribute } from "../attribute.js";
import { DataType } from "../data-type.js";
import { floatToHalf } from "../half.js";
import type { Graph } from "../graph.js";
import { TYPE_NAMES } from "../print-type.js";
import type { Tensor } from "../tensor.js";
import type { Dimension, TensorType } from "../value.js";
import type { TextCursor } from "./cursor.js";

const TYPES: ReadonlyMap<string, DataType> = TYPE_NAMES;

/** `f32[1,N,?]`, or `f32[*]` when not even the rank is known. */
export function parseType(cursor: TextCursor): TensorType {
  const name = cursor.word(/\w+/y) ?? cursor.fail("expected a type such as f32[1,N]");
  const elementType = TYPES.get(name) ?? cursor.fail(`unknown element type "${name}" before`);
  cursor.expect("[");
  if (cursor.accept("*")) {
    cursor.expect("]");
    return { elementType };
  }
  const shape: Dimension[] = [];
  while (!cursor.accept("]")) shape.push(parseDimension(cursor));
  return { elementType, shape };
}

function parseDimension(cursor: TextCursor): Dimension {
  if (cursor.accept("?")) return undefined;
  const text = cursor.sees('"') ? cursor.quoted() : cursor.word(/[\w.]+/y) ?? cursor.fail("expected a dimension");
  return /^\d+$/.test(text) ? Number(text) : text;
}

/**
 * `f32[2] = [1, 2]`, `f32[] = 1`, and for constants too long to list `f32[64] = ramp(-1, 0.25)`: the first value and the
 * step from each to the next.
 */
export function parseConstant(cursor: TextCursor, name: string): Tensor {
  const { elementType, shape = [] } = parseType(cursor);
  const dims = shape.map((dim) => (typeof dim === "number" ? dim : cursor.fail("a constant's dimensions are numbers")));
  cursor.expect("=");
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (elementType === DataType.STRING) return { name, dims, dataType: elementType, typed: { string: parseStrings(cursor) } };
  const values = parseNumbers(cursor, count);
  if (values.length !== count) cursor.fail(`"${name}" has ${values.length} values where its shape holds ${count}, before`);
  return { name, dims, dataType: elementType, raw: bytesOf(elementType, values, cursor) };
}

function parseStrings(cursor: TextCursor): Uint8Array[] {
  cursor.expect("[");
  const strings: Uint8Array[] = [];
  while (!cursor.accept("]")) strings.push(new TextEncoder().encode(cursor.quoted()));
  return strings;
}

function parseNumbers(cursor: TextCursor, count: number): string[] {
  if (cursor.accept("ramp(")) {
    const [start, step] = [cursor.number(), cursor.number()].map((text) => Number(text ?? cursor.fail("expected a number")));
    cursor.expect(")");
    return Array.from({ length: count }, (_, k) => String((start ?? 0) + k * (step ?? 0)));
  }
  if (!cursor.accept("[")) return [cursor.number() ?? cursor.fail("expected a number")];
  const values: string[] = [];
  while (!cursor.accept("]")) values.push(cursor.number() ?? cursor.fail("expected a number"));
  return values;
}

type ArrayMaker = (values: readonly string[]) => ArrayBufferView;

const ARRAYS: Readonly<Record<number, ArrayMaker>> = {
  [DataType.FLOAT]: (v) => Float32Array.from(v, Number),
  [DataType.DOUBLE]: (v) => Float64Array.from(v, Number),
  [DataType.FLOAT16]: (v) => Uint16Array.from(v, (text) => floatToHalf(Number(text))),
  [DataType.INT8]: (v) => Int8Array.from(v, Number),
  [DataType.UINT8]: (v) => Uint8Array.from(v, Number),
  [DataType.INT16]: (v) => Int16Array.from(v, Number),
  [DataType.UINT16]: (v) => Uint16Array.from(v, Number),
  [DataType.INT32]: (v) => Int32Array.from(v, Number),
  [DataType.UINT32]: (v) => Uint32Array.from(v, Number),
  [DataType.INT64]: (v) => BigInt64Array.from(v, BigInt),
  [DataType.UINT64]: (v) => BigUint64Array.from(v, BigInt),
  [DataType.BOOL]: (v) => Uint8Array.from(v, Number),
};

function bytesOf(type: DataType, values: readonly string[], cursor: TextCursor): Uint8Array {
  const make = ARRAYS[type] ?? cursor.fail("constants of this type cannot be read from text,");
  const { buffer, byteOffset, byteLength } = make(values);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** One attribute. Numbers with a point are floats, as `printModel` writes them. */
export function parseAttribute(cursor: TextCursor, parseGraph: () => Graph): Attribute {
  const name = cursor.name();
  cursor.expect("=");
  if (cursor.accept("@")) return { name, refAttrName: cursor.name() };
  if (cursor.sees("graph")) return { name, type: AttributeType.GRAPH, g: parseGraph() };
  if (cursor.accept("[")) return listOf(name, cursor);
  if (cursor.sees('"')) return { name, type: AttributeType.STRING, s: new TextEncoder().encode(cursor.quoted()) };
  const number = cursor.number();
  if (number === undefined) return { name, type: AttributeType.TENSOR, t: parseConstant(cursor, "") };
  if (isWhole(number)) return { name, type: AttributeType.INT, i: BigInt(number) };
  return { name, type: AttributeType.FLOAT, f: Number(number) };
}

function listOf(name: string, cursor: TextCursor): Attribute {
  const strings: Uint8Array[] = [];
  const numbers: string[] = [];
  while (!cursor.accept("]")) {
    if (cursor.sees('"')) strings.push(new TextEncoder().encode(cursor.quoted()));
    else numbers.push(cursor.number() ?? cursor.fail("expected a number or text"));
  }
  if (strings.length > 0) return { name, type: AttributeType.STRINGS, strings };
  if (numbers.every(isWhole)) return { name, type: AttributeType.INTS, ints: numbers.map(BigInt) };
  return { name, type: AttributeType.FLOATS, floats: numbers.map(Number) };
}

function isWhole(text: string): boolean {
  return /^-?\d+$/.test(text);
}
