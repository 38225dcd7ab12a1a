/**
 * Encodes the IR as a list of byte parts. Weights are never copied: long byte fields, wherever they are, pass
 * through as views between the encoded fields around them, or stay on disk. So memory does not grow with the
 * model.
 */
import { readAll, type ByteSource, type Model } from "../ir/index.js";
import { exactWriter } from "./exact-codec.js";
import { SCHEMA } from "./schema-data.js";
import { encodeMessage } from "./schema.js";
import { modelToWire, type Substitutes } from "./to-wire.js";

/**
 * Byte fields below this length are encoded with the rest, because splicing them would cost more than it
 * saves.
 */
const SPLICE_FROM = 4096;

/** A decoded message, or one to be encoded: its fields by name. */
type Fields = Readonly<Record<string, unknown>>;

/** A part of an encoded model: bytes, or their place on disk. */
type Part = Uint8Array | ByteSource;

/**
 * Encodes the model; the file is all parts joined. Bytes of tensors are views: do not write into them.
 * @param substitutes tensors to write in place of others
 */
export function encodeParts(model: Model, substitutes: Substitutes = new Map()): Part[] {
  return new Splicer().encode("ModelProto", modelToWire(model, substitutes) as Fields);
}

/** Like `encodeParts`, with everything in memory. */
export function encodeModel(model: Model, substitutes?: Substitutes): Uint8Array[] {
  return encodeParts(model, substitutes).map((part) => (part instanceof Uint8Array ? part : readAll(part)));
}

/** Encodes the model into one array. */
export function encodeModelBytes(model: Model): Uint8Array {
  return Buffer.concat(encodeModel(model));
}

export function totalLength(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function isPart(value: unknown): value is Part {
  return value instanceof Uint8Array || (typeof value === "object" && value !== null && "read" in value);
}

/**
 * Splits messages around spliced fields. protobufjs encodes messages without long fields. Others are encoded
 * in pieces, field by field in ascending order; pieces of one message join into the message.
 */
class Splicer {
  private readonly long = new WeakMap<object, boolean>();

  encode(type: string, message: Fields): Part[] {
    if (!this.isLong(type, message)) return [encodeMessage(type, message)];
    const chunks: Part[] = [];
    let piece: Record<string, unknown> = {};
    const flush = (): void => {
      if (Object.keys(piece).length > 0) chunks.push(encodeMessage(type, piece));
      piece = {};
    };
    for (const [number, name, fieldType, repeat] of SCHEMA[type] ?? []) {
      const value = message[name];
      if (value === undefined) continue;
      if (!this.isLongField(fieldType, value)) {
        piece[name] = value;
        continue;
      }
      for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
        if (!this.isLongField(fieldType, item)) {
          if (repeat === undefined) piece[name] = item;
          else ((piece[name] ??= []) as unknown[]).push(item);
          continue;
        }
        flush();
        const body = isPart(item) ? [item] : this.encode(fieldType, item as Fields);
        chunks.push(header(number, totalLength(body)), ...body);
      }
    }
    if (message.$unknowns !== undefined) piece.$unknowns = message.$unknowns;
    flush();
    return chunks;
  }

  private isLong(type: string, message: Fields): boolean {
    const known = this.long.get(message);
    if (known !== undefined) return known;
    const long = (SCHEMA[type] ?? []).some(([, name, fieldType]) =>
      this.isLongField(fieldType, message[name]),
    );
    this.long.set(message, long);
    return long;
  }

  private isLongField(type: string, value: unknown): boolean {
    if (isPart(value)) return !(value instanceof Uint8Array) || value.byteLength >= SPLICE_FROM;
    if (typeof value !== "object" || value === null) return false;
    if (Array.isArray(value))
      return typeof value[0] === "object" && value.some((item) => this.isLongField(type, item));
    return this.isLong(type, value as Fields);
  }
}

/** Tag and length of a length-delimited field. Lengths of 4 GB and more do not fit in a protobuf message. */
function header(field: number, length: number): Uint8Array {
  return exactWriter()
    .uint32((field << 3) | 2)
    .uint32(length)
    .finish();
}
