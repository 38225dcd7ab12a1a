/** Types in the text that `printModel` writes: `f32[1,N,?]`, `f32[*]`, `<type 0x…>`. */
import type { DataType } from "../data-type.js";
import { TYPE_NAMES } from "../print-type.js";
import type { Dimension, OpaqueMessage, TensorType, TypeInfo } from "../value.js";
import type { TextCursor } from "./cursor.js";

export function parseType(cursor: TextCursor): TypeInfo {
  if (!cursor.accept("<type ")) return { tensor: parseTensorType(cursor) };
  const encoded = parseEncoded(cursor, "a type");
  cursor.expect(">");
  return { encoded };
}

/** `f32[1,N,?]`, or `f32[*]` if even the rank is unknown. */
export function parseTensorType(cursor: TextCursor): TensorType {
  const elementType = parseElementType(cursor);
  cursor.expect("[");
  if (cursor.accept("*")) {
    cursor.expect("]");
    return { elementType };
  }
  const shape: Dimension[] = [];
  while (!cursor.accept("]")) shape.push(parseDimension(cursor));
  return { elementType, shape };
}

function parseElementType(cursor: TextCursor): DataType {
  const typeOf = (name: string | undefined): DataType | undefined => {
    const unknown = /^type(\d+)$/.exec(name ?? "")?.[1];
    return unknown === undefined ? TYPE_NAMES.get(name ?? "") : Number(unknown);
  };
  const name = cursor.reading(
    () => cursor.word(/\w+/y),
    (found) => (typeOf(found) === undefined ? "expected an element type such as f32 or i64" : undefined),
  );
  return typeOf(name) ?? 0;
}

/** A symbol that looks like a size is quoted. */
function parseDimension(cursor: TextCursor): Dimension {
  if (cursor.accept("?")) return undefined;
  if (cursor.sees('"')) return cursor.quoted();
  const text = cursor.word(/-?[\w.]+/y) ?? cursor.fail("expected a size, a symbol or ?");
  return /^-?\d+$/.test(text) ? Number(text) : text;
}

/** `0x0a04`: an encoded message, kept as bytes. */
export function parseEncoded(cursor: TextCursor, what: string): OpaqueMessage {
  const hex = parseHex(cursor);
  return { bytes: hex ?? cursor.fail(`the text omits the bytes of ${what}`) };
}

export function parseHex(cursor: TextCursor): Uint8Array | undefined {
  const hex = cursor.word(/0x(?:[0-9a-f]{2})*/y);
  return hex === undefined
    ? undefined
    : Uint8Array.from(hex.slice(2).match(/../g) ?? [], (byte) => parseInt(byte, 16));
}
