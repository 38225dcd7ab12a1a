/** Constants in the text that `printModel` writes: `f32[2] = [1, 2]`. */
import { BadModelError } from "../../errors.js";
import { byteSize, DataType } from "../data-type.js";
import { floatToBfloat, floatToHalf } from "../half.js";
import type { ExternalSource, Tensor } from "../tensor.js";
import type { TextCursor } from "./cursor.js";
import { parseHex, parseTensorType } from "./types.js";

/** A longer ramp is taken for a mistake. */
const MOST_ELEMENTS = 2 ** 24;

/**
 * `f32[2] = [1, 2]`, `f32[] = 1`, and for long ones `f32[64] = ramp(-1, 0.25)`: the first value and the
 * increment. Bytes such as `0x0102` are accepted for every type.
 */
export function parseConstant(cursor: TextCursor, name?: string): Tensor {
  const { dims, dataType, count } = cursor.reading(
    () => constantShape(cursor),
    ({ isFixed }) => (isFixed ? undefined : "a constant's dimensions must be numbers"),
  );
  const head = { ...(name === undefined ? {} : { name }), dims, dataType };
  cursor.expect("=");
  if (cursor.accept("<in ")) return { ...head, external: parseExternal(cursor) };
  if (cursor.sees("<")) cursor.fail("the text omits the values of this constant");
  if (dataType === DataType.STRING) return { ...head, typed: { string: parseStrings(cursor) } };
  const raw = cursor.sees("0x") ? parseHex(cursor) : undefined;
  return { ...head, raw: raw ?? parseValues(cursor, dataType, count) };
}

function constantShape(cursor: TextCursor): {
  dims: number[];
  dataType: DataType;
  count: number;
  isFixed: boolean;
} {
  const { elementType: dataType, shape } = parseTensorType(cursor);
  const dims = (shape ?? []).map(Number);
  const isFixed = shape?.every((dim) => typeof dim === "number") ?? false;
  return { dims, dataType, count: dims.reduce((product, dim) => product * dim, 1), isFixed };
}

function parseValues(cursor: TextCursor, type: DataType, count: number): Uint8Array {
  if (count > MOST_ELEMENTS) cursor.fail("this constant is too large for text");
  const make = ARRAYS[type] ?? cursor.fail("constants of this type must be written as bytes, such as 0x01ff");
  const texts = cursor.reading(
    () => parseNumbers(cursor, count),
    (found) => {
      if (found.length !== count) return `expected ${count} values for the shape, found ${found.length}`;
      const wrong = found.find((text) => !isOfType(text, type));
      return wrong === undefined ? undefined : `${wrong} is not a value of this type`;
    },
  );
  const { buffer, byteOffset, byteLength } = make(texts);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function parseNumbers(cursor: TextCursor, count: number): string[] {
  const number = (): string => cursor.number() ?? cursor.fail("expected a number");
  if (cursor.accept("ramp(")) {
    const [start, step] = [Number(number()), Number(number())];
    cursor.expect(")");
    return Array.from({ length: count }, (_, k) => String(start + k * step));
  }
  if (!cursor.accept("[")) return [number()];
  const values: string[] = [];
  while (!cursor.accept("]")) values.push(number());
  return values;
}

type ArrayMaker = (values: readonly string[]) => ArrayBufferView;

const ARRAYS: Readonly<Record<number, ArrayMaker>> = {
  [DataType.FLOAT]: (v) => Float32Array.from(v, Number),
  [DataType.DOUBLE]: (v) => Float64Array.from(v, Number),
  [DataType.FLOAT16]: (v) => Uint16Array.from(v, (text) => floatToHalf(Number(text))),
  [DataType.BFLOAT16]: (v) => Uint16Array.from(v, (text) => floatToBfloat(Number(text))),
  [DataType.INT8]: (v) => Int8Array.from(v, Number),
  [DataType.UINT8]: (v) => Uint8Array.from(v, Number),
  [DataType.INT16]: (v) => Int16Array.from(v, Number),
  [DataType.UINT16]: (v) => Uint16Array.from(v, Number),
  [DataType.INT32]: (v) => Int32Array.from(v, Number),
  [DataType.UINT32]: (v) => Uint32Array.from(v, Number),
  [DataType.INT64]: (v) => BigInt64Array.from(v, BigInt),
  [DataType.UINT64]: (v) => BigUint64Array.from(v, BigInt),
  // In a file, a bool may be any byte.
  [DataType.BOOL]: (v) => Uint8Array.from(v, Number),
};

const { BFLOAT16, BOOL, DOUBLE, FLOAT, FLOAT16, UINT8, UINT16, UINT32, UINT64 } = DataType;
const UNSIGNED: readonly DataType[] = [UINT8, UINT16, UINT32, UINT64, BOOL];
const FLOATING: readonly DataType[] = [FLOAT, DOUBLE, FLOAT16, BFLOAT16];

/** Integer types need integers in range. */
function isOfType(text: string, type: DataType): boolean {
  if (FLOATING.includes(type)) return true;
  if (!/^-?\d+$/.test(text)) return false;
  const bits = 8 * (byteSize(type, 1) ?? 0);
  const value = BigInt(text);
  return value === (UNSIGNED.includes(type) ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value));
}

function parseStrings(cursor: TextCursor): Uint8Array[] {
  cursor.expect("[");
  const strings: Uint8Array[] = [];
  while (!cursor.accept("]")) {
    if (!cursor.sees('"')) cursor.fail("expected text in quotes; the end of a long list may be omitted");
    strings.push(new TextEncoder().encode(cursor.quoted()));
  }
  return strings;
}

/** `"w.bin" at 64, 8 bytes>`. The text does not name the folder, so the values cannot be loaded. */
function parseExternal(cursor: TextCursor): ExternalSource {
  const location = cursor.quoted();
  cursor.expect("at");
  const offset = Number(cursor.word(/\d+/y) ?? cursor.fail("expected an offset"));
  const length = cursor.word(/\d+(?= bytes)/y);
  if (length !== undefined) cursor.expect("bytes");
  cursor.expect(">");
  const load = (): never => {
    throw new BadModelError(
      `the constant is in "${location}", but a model read from text has no folder to find it in`,
    );
  };
  return { location, offset, length: length === undefined ? undefined : Number(length), load };
}
