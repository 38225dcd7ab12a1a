/**
 * Sparse positions as steps: entry i lies `steps[i]` elements after entry i-1 (the first counts from
 * element 0), so that positions are the running sum. A step must be below G; longer ways are bridged by
 * filler entries that write the background where it already is (Han et al., "Deep Compression", 2016,
 * section 2, with a filler of zero).
 */
import type { Symbols } from "./value-histogram.js";

/** Entries, fillers included, when steps must be below `limit` (at least 2). */
export function countEntries(distances: ReadonlyMap<number, number>, limit: number): number {
  let entries = 0;
  for (const [distance, times] of distances)
    entries += times * Math.max(1, Math.ceil(distance / (limit - 1)));
  return entries;
}

export function longestDistance(distances: ReadonlyMap<number, number>): number {
  let longest = 0;
  for (const distance of distances.keys()) if (distance > longest) longest = distance;
  return longest;
}

/** Entries that are together in memory. */
const PIECE = 2 ** 18;

/** Some entries, one after the other; views that the next ones overwrite. */
export interface Entries {
  readonly steps: Uint32Array;
  /** The bits that each entry writes. */
  readonly patterns: Uint32Array;
}

/**
 * The entries of a tensor, `length` of them, in pieces. Beyond the last real one the list is filled with
 * entries of step 0 that write the last value once more, which changes nothing.
 */
export function* listEntries(
  { background, patterns }: Symbols,
  limit: number,
  length: number,
): Generator<Entries, void> {
  const room = Math.min(PIECE, length);
  const entries = { steps: new Uint32Array(room), patterns: new Uint32Array(room) };
  let used = 0;
  let left = length;
  let begin = 0;
  let last = 0;
  for (const piece of patterns()) {
    for (let i = 0; i < piece.length; i++) {
      for (let distance = begin + i - last; piece[i] !== background; distance -= limit - 1) {
        const isReached = distance < limit;
        entries.steps[used] = isReached ? distance : limit - 1;
        entries.patterns[used] = isReached ? piece[i]! : background;
        last += entries.steps[used]!;
        if (++used === room && left > room) {
          yield entries;
          left -= room;
          used = 0;
        }
        if (isReached) break;
      }
    }
    begin += piece.length;
  }
  // When the piece is empty, the last value stands at the end of the one before, in the same place.
  const value = entries.patterns.at(used - 1) ?? background;
  for (; left > 0; left -= room, used = 0) {
    entries.steps.fill(0, used);
    entries.patterns.fill(value, used);
    yield { steps: entries.steps.subarray(0, left), patterns: entries.patterns.subarray(0, left) };
  }
}

/** Digits of a skip stream (see skip-forms.ts) when they must be below `limit` (at least 3). */
export function countSkips({ distances, first }: Symbols, limit: number): number {
  // Distances count the first element from element 0, skips from one before it.
  const longer = Math.ceil((first + 1) / (limit - 1)) - Math.max(1, Math.ceil(first / (limit - 1)));
  return countEntries(distances, limit) + longer;
}

/** How many distances can be split in two without another digit for their remainder: room for padding. */
export function countSplittable({ distances, first }: Symbols, limit: number): number {
  let splittable = isSplittable(first + 1, limit) ? 1 : 0;
  for (const [distance, times] of distances)
    if (isSplittable(distance, limit)) splittable += times - (distance === first ? 1 : 0);
  return splittable;
}

function isSplittable(distance: number, limit: number): boolean {
  return distance > 1 && (distance - 1) % (limit - 1) !== 0;
}

/** Some digits and what those of them write; views that the next ones overwrite. */
export interface Skips {
  readonly digits: Uint32Array;
  /** The bits that the writing digits write, in order. */
  readonly values: Uint32Array;
}

/**
 * The digits of a skip stream, `length` of them, in pieces: d below limit - 1 goes d + 1 elements on and
 * writes, limit - 1 goes that far and writes nothing. Where `length` is longer than needed, the background
 * is written once more in between.
 */
export function* listSkips(symbols: Symbols, limit: number, length: number): Generator<Skips, void> {
  const { background } = symbols;
  let padding = length - countSkips(symbols, limit);
  const room = Math.min(PIECE, length);
  const digits = new Uint32Array(room);
  const values = new Uint32Array(room);
  let used = 0;
  let written = 0;
  let begin = 0;
  let last = -1;
  for (const piece of symbols.patterns()) {
    for (let i = 0; i < piece.length; i++) {
      if (piece[i] === background) continue;
      const at = begin + i;
      let isPadding = padding > 0 && isSplittable(at - last, limit);
      if (isPadding) padding--;
      for (; last < at; isPadding = false) {
        if (used === room) {
          yield { digits, values: values.subarray(0, written) };
          used = written = 0;
        }
        const isFar = !isPadding && at - last >= limit;
        const step = isPadding ? 1 : isFar ? limit - 1 : at - last;
        digits[used++] = isFar ? step : step - 1;
        if (!isFar) values[written++] = isPadding ? background : piece[i]!;
        last += step;
      }
    }
    begin += piece.length;
  }
  yield { digits: digits.subarray(0, used), values: values.subarray(0, written) };
}
