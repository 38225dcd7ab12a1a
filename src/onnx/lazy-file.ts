/**
 * Reads a large model file without its weights: the bytes of long tensors are cut out of the message and
 * replaced by their place in the file. What remains is a small message of the same structure.
 */
import { closeSync, fstatSync, openSync, type Stats } from "node:fs";
import { BadModelError } from "../errors.js";
import type { ByteSource } from "../ir/index.js";
import { readFully } from "./read-fully.js";

/**
 * A file's message without long tensor bytes. A single byte, found by its position, is left in place of each.
 */
interface Skeleton {
  readonly bytes: Uint8Array;
  readonly cut: ReadonlyMap<number, ByteSource>;
}

/** Field numbers in onnx.proto that lead from one message type to the next. */
const PATHS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  model: { 7: "graph", 25: "function" },
  graph: { 1: "node", 5: "tensor" },
  function: { 7: "node" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph" },
  tensor: {},
};
const RAW_DATA = 9;
const MAX_DEPTH = 64;
const WINDOW = 65_536;

/**
 * The skeleton of the model at `path`, without tensors of `cutFrom` bytes or more. Undefined if the file is
 * not laid out as a model; reading the whole file then gives the error. Throws the error of opening the file.
 */
export function readSkeleton(path: string, cutFrom: number): Skeleton | undefined {
  const file = openSync(path, "r");
  try {
    const stats = fstatSync(file);
    const scanner = new Scanner(file, cutFrom);
    const parts = scanner.message("model", 0, stats.size, 0);
    return parts && scanner.join(parts, (offset, length) => new FilePart(path, stats, offset, length));
  } finally {
    closeSync(file);
  }
}

/** A range of a file that must not change after it was first read. */
class FilePart implements ByteSource {
  constructor(
    private readonly path: string,
    private readonly stats: Stats,
    private readonly start: number,
    readonly length: number,
  ) {}

  read(target: Uint8Array, offset: number): void {
    const file = openSync(this.path, "r");
    try {
      const { ino, size, mtimeMs } = fstatSync(file);
      const isSame = ino === this.stats.ino && size === this.stats.size && mtimeMs === this.stats.mtimeMs;
      if (!isSame || !readFully(file, target, this.start + offset))
        throw new BadModelError(`"${this.path}" changed after it was read. Read it again.`);
    } finally {
      closeSync(file);
    }
  }
}

/** A piece of the skeleton: a range of the file, new bytes, or a place where a tensor's bytes are cut out. */
type Piece =
  | { readonly from: number; readonly to: number }
  | Uint8Array
  | { readonly cutAt: number; readonly length: number };

class Scanner {
  private window = new Uint8Array(0);
  private windowStart = 0;

  constructor(
    private readonly file: number,
    private readonly cutFrom: number,
  ) {}

  /** The pieces of one message, or undefined when it is malformed. */
  message(kind: string, start: number, end: number, depth: number): Piece[] | undefined {
    if (depth > MAX_DEPTH) return undefined;
    const pieces: Piece[] = [];
    let copied = start;
    for (let at = start; at < end;) {
      const field = this.field(at, end);
      if (!field) return undefined;
      const { number, value, next } = field;
      at = next;
      if (value === undefined || next - value < this.cutFrom) continue;
      const child = PATHS[kind]?.[number];
      const isRaw = kind === "tensor" && number === RAW_DATA;
      if (child === undefined && !isRaw) continue;
      const body: Piece[] | undefined = isRaw
        ? [{ cutAt: value, length: next - value }]
        : this.message(child ?? "", value, next, depth + 1);
      if (!body) return undefined;
      pieces.push(
        { from: copied, to: field.start },
        Uint8Array.from([...varint(number * 8 + 2), ...varint(sizeOf(body))]),
        ...body,
      );
      copied = next;
    }
    pieces.push({ from: copied, to: end });
    return pieces;
  }

  join(
    pieces: readonly Piece[],
    partOf: (offset: number, length: number) => ByteSource,
  ): Skeleton | undefined {
    const bytes = new Uint8Array(sizeOf(pieces));
    const cut = new Map<number, ByteSource>();
    let at = 0;
    for (const piece of pieces) {
      const size = sizeOf([piece]);
      if (piece instanceof Uint8Array) bytes.set(piece, at);
      else if ("cutAt" in piece) cut.set(at, partOf(piece.cutAt, piece.length));
      else if (!readFully(this.file, bytes.subarray(at, at + size), piece.from)) return undefined;
      at += size;
    }
    return { bytes, cut };
  }

  /** `value` is the start of a length-delimited field's content. */
  private field(
    start: number,
    end: number,
  ): { start: number; number: number; value: number | undefined; next: number } | undefined {
    const tag = this.varint(start, end);
    if (!tag) return undefined;
    const number = Math.floor(tag.value / 8);
    const fixed = { 1: 8, 5: 4 }[tag.value % 8];
    if (fixed !== undefined)
      return tag.next + fixed > end ? undefined : { start, number, value: undefined, next: tag.next + fixed };
    const varying = this.varint(tag.next, end);
    if (!varying) return undefined;
    if (tag.value % 8 === 0) return { start, number, value: undefined, next: varying.next };
    const next = varying.next + varying.value;
    return tag.value % 8 === 2 && next <= end ? { start, number, value: varying.next, next } : undefined;
  }

  private varint(start: number, end: number): { value: number; next: number } | undefined {
    let value = 0;
    for (let k = 0; k < 10 && start + k < end; k++) {
      const byte = this.byteAt(start + k);
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) * 2 ** (7 * k);
      if (byte < 0x80) return { value, next: start + k + 1 };
    }
    return undefined;
  }

  private byteAt(position: number): number | undefined {
    if (position < this.windowStart || position >= this.windowStart + this.window.length) {
      const size = fstatSync(this.file).size;
      this.window = new Uint8Array(Math.max(0, Math.min(WINDOW, size - position)));
      this.windowStart = position;
      if (!readFully(this.file, this.window, position)) return undefined;
    }
    return this.window[position - this.windowStart];
  }
}

function sizeOf(pieces: readonly Piece[]): number {
  return pieces.reduce(
    (sum, piece) =>
      sum + (piece instanceof Uint8Array ? piece.length : "cutAt" in piece ? 1 : piece.to - piece.from),
    0,
  );
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}
