/**
 * The lists that a tensor may use instead of `raw_data`. They are decoded on first use, because a varint of
 * one byte becomes eight in memory. Until then, writing passes their bytes through.
 */
import type { Reader, Writer } from "protobufjs/light.js";
import { BadModelError } from "../errors.js";
import type { TypedData } from "../ir/index.js";
import { exactReader, exactWriter } from "./exact-codec.js";
import type { WireTensor } from "./wire.js";

type NumericKey = Exclude<keyof TypedData, "string" | "entries">;
type WireKey = "floatData" | "int32Data" | "int64Data" | "doubleData" | "uint64Data";

interface ListField {
  readonly key: NumericKey;
  readonly wireKey: WireKey;
  readonly number: number;
  /** Bytes of one value; 0 for varints. */
  readonly width: number;
  read(reader: Reader): number | bigint;
  write(writer: Writer, value: never): Writer;
}

const LISTS: readonly ListField[] = [
  {
    key: "float",
    wireKey: "floatData",
    number: 4,
    width: 4,
    read: (r) => r.float(),
    write: (w, value) => w.float(value),
  },
  {
    key: "int32",
    wireKey: "int32Data",
    number: 5,
    width: 0,
    read: (r) => r.int32(),
    write: (w, value) => w.int32(value),
  },
  {
    key: "int64",
    wireKey: "int64Data",
    number: 7,
    width: 0,
    read: (r) => r.int64() as unknown as bigint,
    write: (w, value) => w.int64(value),
  },
  {
    key: "double",
    wireKey: "doubleData",
    number: 10,
    width: 8,
    read: (r) => r.double(),
    write: (w, value) => w.double(value),
  },
  {
    key: "uint64",
    wireKey: "uint64Data",
    number: 11,
    width: 0,
    read: (r) => r.uint64() as unknown as bigint,
    write: (w, value) => w.uint64(value),
  },
];

/** A list as stored in the file: packed runs, and single unpacked values. */
interface EncodedLists extends Partial<Record<WireKey, Uint8Array[]>> {
  readonly loose: readonly Uint8Array[];
}

/** Lists that are still encoded, by the object that represents them. */
const asRead = new WeakMap<TypedData, EncodedLists>();

/**
 * The values of a decoded tensor, or undefined if it has none in this form; and the remaining unknown fields.
 */
export function typedFromWire(wire: WireTensor): {
  typed: TypedData | undefined;
  unknownFields: readonly Uint8Array[] | undefined;
} {
  const loose = (wire.$unknowns ?? []).filter(isListValue);
  const others = (wire.$unknowns ?? []).filter((field) => !isListValue(field));
  const typed: { -readonly [Key in keyof TypedData]: TypedData[Key] } = {};
  const encoded: EncodedLists = { loose };
  let entries = wire.stringData?.length ?? 0;
  for (const field of LISTS) {
    const packed = wire[field.wireKey];
    const single = loose.filter((value) => fieldNumber(value) === field.number);
    if (!packed && single.length === 0) continue;
    if (packed) encoded[field.wireKey] = packed;
    entries += single.length + (packed ?? []).reduce((sum, run) => sum + valuesIn(run, field.width), 0);
    if (!Number.isInteger(entries)) throw malformed(wire.name, field);
    decodeLater(typed, field, wire.name, [packed ?? [], single]);
  }
  if (wire.stringData) typed.string = wire.stringData;
  const unknownFields = others.length > 0 ? others : undefined;
  if (Object.keys(typed).length === 0) return { typed: undefined, unknownFields };
  Object.defineProperty(typed, "entries", { value: entries });
  asRead.set(typed, encoded);
  return { typed, unknownFields };
}

/** The encoded lists for writing; `$unknowns` are values that the file did not pack. */
export function typedToWire(
  typed: TypedData | undefined,
): Pick<WireTensor, WireKey | "stringData" | "$unknowns"> {
  if (!typed) return {};
  const stringData = typed.string && { stringData: [...typed.string] };
  const encoded = asRead.get(typed);
  if (encoded) {
    const { loose, ...lists } = encoded;
    return { ...lists, ...stringData, $unknowns: [...loose] };
  }
  const lists: Partial<Record<WireKey, Uint8Array[]>> = {};
  for (const field of LISTS) {
    const values = typed[field.key];
    if (!values || values.length === 0) continue;
    const writer = exactWriter();
    for (const value of values) field.write(writer, value as never);
    lists[field.wireKey] = [writer.finish()];
  }
  return { ...lists, ...stringData };
}

/** Defines a property on `typed` that decodes its list on first use. */
function decodeLater(
  typed: object,
  field: ListField,
  name: string | undefined,
  [packed, single]: [readonly Uint8Array[], readonly Uint8Array[]],
): void {
  let values: (number | bigint)[] | undefined;
  const decode = (): (number | bigint)[] => {
    const list: (number | bigint)[] = [];
    for (const run of packed)
      for (const reader = exactReader(run); reader.pos < reader.len;) list.push(field.read(reader));
    for (const value of single) {
      const reader = exactReader(value);
      reader.tag();
      list.push(field.read(reader));
    }
    return list;
  };
  const get = (): (number | bigint)[] => {
    try {
      return (values ??= decode());
    } catch (cause) {
      throw malformed(name, field, cause);
    }
  };
  Object.defineProperty(typed, field.key, { enumerable: true, configurable: true, get });
}

function malformed(name: string | undefined, field: ListField, cause?: unknown): BadModelError {
  return new BadModelError(`tensor "${name ?? ""}": its ${field.key} values are damaged`, { cause });
}

function isListValue(field: Uint8Array): boolean {
  const number = fieldNumber(field);
  return ((field[0] ?? 0) & 7) !== 2 && LISTS.some((list) => list.number === number);
}

/** The number of a field below 16, whose tag is one byte; 0 for others. */
function fieldNumber(field: Uint8Array): number {
  const tag = field[0] ?? 0;
  return tag < 0x80 ? tag >> 3 : 0;
}

/** The number of values in a packed run: from their width, or from the bytes that end a varint. */
function valuesIn(run: Uint8Array, width: number): number {
  if (width > 0) return run.byteLength / width;
  let count = 0;
  for (const byte of run) if (byte < 0x80) count++;
  return count;
}
