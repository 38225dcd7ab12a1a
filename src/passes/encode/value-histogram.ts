/**
 * A tensor as symbols: the bit patterns that it holds and their positions, from which storage forms are chosen.
 */
import { elementCount, tensorPieces } from "../../ir/index.js";
import type { Tensor } from "../../ir/index.js";

/** With more distinct patterns than this, a table no longer pays, so counting stops. */
export const MAX_DISTINCT = 4096;

/** No sparse form is tried from this share of elements that differ from the most frequent one. */
export const DENSE_FROM = 0.95;

export type Patterns = Uint8Array | Uint16Array | Uint32Array;

export interface Symbols {
  readonly count: number;
  readonly bytesPerElement: number;
  /**
   * The bits of each element, in pieces that are valid until the next one is read, and read again each time, so
   * that a large tensor is never whole in memory; comparing bits keeps -0 and every NaN apart.
   */
  readonly patterns: () => Iterable<Patterns>;
  /** Whether all elements satisfy the test; stops at the first that does not. */
  readonly every: (holds: (pattern: number) => boolean) => boolean;
  /** Distinct patterns in ascending order, or undefined when there are more than MAX_DISTINCT. */
  readonly distinct: readonly number[] | undefined;
  /** The most frequent pattern (zero when there are too many to count): what a sparse form leaves out. */
  readonly background: number;
  /** Elements that differ from the background. */
  readonly foreground: number;
  /** Index of the first of them, or -1. This and `distances` are left out above DENSE_FROM. */
  readonly first: number;
  /**
   * How often the distance d from one foreground element to the next occurs; the first counts from element
   * 0.
   */
  readonly distances: ReadonlyMap<number, number>;
}

export function readSymbols(tensor: Tensor, bytesPerElement: number): Symbols {
  const stream = (): Iterable<Patterns> => patternPieces(tensor, bytesPerElement);
  const count = elementCount(tensor);
  const counts = bytesPerElement === 1 ? countBytes(stream()) : countPatterns(stream(), count);
  let background = 0;
  let most = 0;
  for (const [pattern, n] of counts ?? []) if (n > most) [background, most] = [pattern, n];
  const foreground = count - (counts ? most : countOf(stream(), 0));
  // Distances serve sparse forms, which do not pay for a tensor that is mostly foreground.
  const distances =
    foreground > DENSE_FROM * count
      ? { first: -1, distances: new Map<number, number>() }
      : measureDistances(stream(), background, count);
  return {
    count,
    bytesPerElement,
    background,
    foreground,
    ...distances,
    patterns: stream,
    every: (holds) => everyPattern(stream(), holds),
    distinct: counts && [...counts.keys()],
  };
}

/** Occurrences of the 256 patterns that a byte can hold, those that occur. */
function countBytes(stream: Iterable<Patterns>): Map<number, number> {
  const counts = new Float64Array(256);
  for (const patterns of stream) {
    // Four tables, as neighbours are often equal and one would wait for its own last write.
    const tables = new Uint32Array(4 * 256);
    for (let i = 0; i < patterns.length; i++) tables[(i & 3) * 256 + patterns[i]!]!++;
    tables.forEach((n, slot) => void (counts[slot & 255]! += n));
  }
  return new Map([...counts.entries()].filter(([, n]) => n > 0));
}

function countOf(stream: Iterable<Patterns>, wanted: number): number {
  let count = 0;
  for (const patterns of stream)
    for (let i = 0; i < patterns.length; i++) count += patterns[i] === wanted ? 1 : 0;
  return count;
}

function* patternPieces(tensor: Tensor, bytesPerElement: number): Generator<Patterns, void> {
  for (const piece of tensorPieces(tensor)) {
    const isAligned = piece.byteOffset % bytesPerElement === 0;
    yield asPatterns(isAligned ? piece : new Uint8Array(piece), bytesPerElement);
  }
}

function asPatterns({ buffer, byteOffset, byteLength }: Uint8Array, bytesPerElement: number): Patterns {
  const Words = bytesPerElement === 1 ? Uint8Array : bytesPerElement === 2 ? Uint16Array : Uint32Array;
  return new Words(buffer as ArrayBuffer, byteOffset, byteLength / bytesPerElement);
}

function everyPattern(stream: Iterable<Patterns>, holds: (pattern: number) => boolean): boolean {
  for (const patterns of stream) for (const pattern of patterns) if (!holds(pattern)) return false;
  return true;
}

/**
 * Occurrences by pattern, ascending, or undefined beyond MAX_DISTINCT. An open-addressing table: twice as
 * fast as a Map. Of a small tensor it is small too, since clearing and reading it would take longer than
 * counting.
 */
function countPatterns(stream: Iterable<Patterns>, count: number): Map<number, number> | undefined {
  const most = Math.min(MAX_DISTINCT, count);
  const mask = 2 ** Math.ceil(Math.log2(4 * Math.max(1, most))) - 1;
  const keys = new Uint32Array(mask + 1);
  const counts = new Float64Array(mask + 1);
  let distinct = 0;
  for (const patterns of stream) {
    for (let i = 0; i < patterns.length; i++) {
      const pattern = patterns[i]!;
      let slot = (Math.imul(pattern, 0x9e3779b1) >>> 12) & mask;
      while (counts[slot] !== 0 && keys[slot] !== pattern) slot = (slot + 1) & mask;
      if (counts[slot] === 0) {
        if (++distinct > most) return undefined;
        keys[slot] = pattern;
      }
      counts[slot]!++;
    }
  }
  const used = new Uint16Array(distinct);
  for (let slot = 0, at = 0; slot <= mask; slot++) if (counts[slot] !== 0) used[at++] = slot;
  used.sort((a, b) => keys[a]! - keys[b]!);
  return new Map(Array.from(used, (slot) => [keys[slot]!, counts[slot]!]));
}

/** Distances below this are counted in a list, which is many times as fast as a Map. */
const SHORT = 1024;

function measureDistances(
  stream: Iterable<Patterns>,
  background: number,
  count: number,
): Pick<Symbols, "first" | "distances"> {
  const short = new Float64Array(Math.min(SHORT, count));
  const distances = new Map<number, number>();
  let first = -1;
  let last = 0;
  let begin = 0;
  for (const patterns of stream) {
    for (let i = 0; i < patterns.length; i++) {
      if (patterns[i] === background) continue;
      const at = begin + i;
      if (first < 0) first = at;
      const distance = at - last;
      if (distance < short.length) short[distance]!++;
      else distances.set(distance, (distances.get(distance) ?? 0) + 1);
      last = at;
    }
    begin += patterns.length;
  }
  for (const [distance, times] of short.entries()) if (times > 0) distances.set(distance, times);
  return { first, distances };
}

/** `count` patterns, which come in pieces, as the bytes of a constant of the tensor's own type. */
export function patternBytes(
  stream: Iterable<ArrayLike<number>>,
  count: number,
  bytesPerElement: number,
): Uint8Array {
  const values =
    bytesPerElement === 1
      ? new Uint8Array(count)
      : bytesPerElement === 2
        ? new Uint16Array(count)
        : new Uint32Array(count);
  let at = 0;
  for (const patterns of stream) {
    values.set(patterns, at);
    at += patterns.length;
  }
  return new Uint8Array(values.buffer);
}
