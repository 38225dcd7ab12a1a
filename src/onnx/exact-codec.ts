/**
 * Makes protobufjs readers and writers exact: 64-bit integers are bigints, text keeps its bytes, unknown
 * fields are kept, and a reader creates only as many objects as a real model of its size needs.
 */
import type { Reader, Writer } from "protobufjs/light.js";
import { BadModelError } from "../errors.js";
import { protobufjs } from "./protobuf.js";

/**
 * The number of objects that is always allowed. An object takes about 100 bytes of memory, and two bytes of a
 * hostile file can create one. Real models need one per 10 to 40 bytes of their graph, so this is enough for
 * a graph of 50 MB without weights.
 */
const MIN_OBJECT_LIMIT = 2_000_000;
const BYTES_PER_OBJECT = 24;

/**
 * A reader whose byte fields are plain views on `bytes`. Throws BadModelError when the object limit is
 * exceeded.
 */
export function exactReader(bytes: Uint8Array): Reader {
  const prototype = protobufjs().Reader.prototype;
  // slice() of a Buffer gives a view, but of a Uint8Array a copy. All tensors must behave the same.
  const reader = new (protobufjs().Reader)(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const limit = MIN_OBJECT_LIMIT + bytes.byteLength / BYTES_PER_OBJECT;
  let objects = 0;
  const count = (): void => {
    if (++objects > limit)
      throw new BadModelError(
        `${bytes.byteLength} bytes describe more than ${Math.floor(limit)} parts, ` +
          "which no real model does. It is rejected to protect memory.",
      );
  };
  reader.discardUnknown = false;
  return Object.assign(reader, {
    // Every message, string, byte field and packed list starts with a size; unknown fields are read raw.
    size: () => (count(), prototype.size.call(reader)),
    raw: (start: number, end: number) => (count(), prototype.raw.call(reader, start, end)),
    int64: () => shortVarint(reader) ?? toBigInt(prototype.int64.call(reader)),
    uint64: () => shortVarint(reader) ?? BigInt.asUintN(64, toBigInt(prototype.uint64.call(reader))),
    string: () => {
      const length = reader.size();
      if (length > reader.len - reader.pos)
        throw new RangeError(`index out of range: ${reader.pos} + ${length} > ${reader.len}`);
      reader.pos += length;
      return decodeText(text, reader.pos - length, reader.pos);
    },
  });
}

/** A writer for what `exactReader` returns. */
export function exactWriter(): Writer {
  const writer = protobufjs().Writer.create();
  const text = writer.string.bind(writer);
  const integer = writer.uint64.bind(writer);
  const writeBigInt = (value: bigint): Writer => integer(toLongBits(value));
  return Object.assign(writer, {
    int64: writeBigInt,
    uint64: writeBigInt,
    string: (value: string) => (isEscaped(value) ? writer.bytes(encodeText(value)) : text(value)),
  });
}

type LongBits = Parameters<Writer["uint64"]>[0];

const toBigInt = (value: LongBits): bigint =>
  typeof value === "object" ? (BigInt(value.high) << 32n) | BigInt(value.low >>> 0) : BigInt(value);

/** What protobufjs reads of a Long: its two halves. */
const toLongBits = (value: bigint): LongBits =>
  ({ low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)) }) as LongBits;

/** One shared object per small number: lists of axes, shapes and tree nodes repeat the same few. */
const SHARED = Array.from({ length: 1024 }, (_, value) => BigInt(value));

/**
 * Reads a varint of up to seven bytes, which a number holds exactly. For longer ones, reads nothing and
 * returns undefined.
 */
function shortVarint(reader: Reader): bigint | undefined {
  const { buf, len } = reader;
  const end = Math.min(len, reader.pos + 7);
  let value = 0;
  for (let pos = reader.pos, scale = 1; pos < end; scale *= 128) {
    const byte = buf[pos++] ?? 0;
    value += (byte & 127) * scale;
    if (byte < 128) {
      reader.pos = pos;
      return SHARED[value] ?? BigInt(value);
    }
  }
  return undefined;
}

const ESCAPE = 0xdc00;
/** With the u flag, this matches only lone surrogates, never half of a pair. */
const ESCAPED = /([\udc80-\udcff])/u;

/** The text of bytes `start` to `end`. */
function decodeText(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString("utf8", start, end);
  // Node replaces an invalid byte by U+FFFD, which may also be in the file itself.
  if (!text.includes("\ufffd") || Buffer.from(text).equals(bytes.subarray(start, end))) return text;
  return bytes
    .toString("latin1", start, end)
    .replace(/[\u0080-\u00ff]/g, (byte) => String.fromCharCode(ESCAPE + byte.charCodeAt(0)));
}

/** The bytes that `decodeText` decoded. */
function encodeText(text: string): Uint8Array {
  if (!ESCAPED.test(text)) return Buffer.from(text);
  return Buffer.concat(
    text
      .split(ESCAPED)
      .map((part) => (ESCAPED.test(part) ? Buffer.of(part.charCodeAt(0) - ESCAPE) : Buffer.from(part))),
  );
}

/** Whether the text holds bytes that are not UTF-8. */
function isEscaped(text: string): boolean {
  return ESCAPED.test(text);
}
