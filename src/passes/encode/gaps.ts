/**
 * Sparse positions as steps: entry i lies `steps[i]` elements after entry i-1 (the first counts from element 0),
 * so that positions are the running sum. A step must be below G; longer ways are bridged by filler entries that
 * write the background where it already is (Han et al., "Deep Compression", 2016, section 2, with a filler of zero).
 */
import type { Symbols } from "./symbols.js";

/** Entries, fillers included, when steps must be below `limit` (at least 2). */
export function countEntries(distances: ReadonlyMap<number, number>, limit: number): number {
  let entries = 0;
  for (const [distance, times] of distances) entries += times * Math.max(1, Math.ceil(distance / (limit - 1)));
  return entries;
}

export function longestDistance(distances: ReadonlyMap<number, number>): number {
  let longest = 0;
  for (const distance of distances.keys()) if (distance > longest) longest = distance;
  return longest;
}

export interface Entries {
  readonly steps: Uint32Array;
  /** The bits that each entry writes. */
  readonly patterns: Uint32Array;
}

/**
 * The entries of a tensor, `length` of them. Beyond the last real one the list is filled with entries of step 0
 * that write the last value once more, which changes nothing.
 */
export function listEntries(symbols: Symbols, limit: number, length: number): Entries {
  const { background } = symbols;
  const patterns = symbols.patterns();
  const entries = { steps: new Uint32Array(length), patterns: new Uint32Array(length) };
  let at = 0;
  let last = 0;
  for (let i = 0; i < patterns.length; i++) {
    if (patterns[i] === background) continue;
    for (; i - last >= limit; last += limit - 1) {
      entries.steps[at] = limit - 1;
      entries.patterns[at++] = background;
    }
    entries.steps[at] = i - last;
    entries.patterns[at++] = patterns[i]!;
    last = i;
  }
  entries.patterns.fill(entries.patterns[at - 1] ?? background, at);
  return entries;
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
  for (const [distance, times] of distances) if (isSplittable(distance, limit)) splittable += times - (distance === first ? 1 : 0);
  return splittable;
}

function isSplittable(distance: number, limit: number): boolean {
  return distance > 1 && (distance - 1) % (limit - 1) !== 0;
}

export interface Skips {
  readonly digits: Uint32Array;
  /** The bits that the writing digits write, in order. */
  readonly values: Uint32Array;
}

/**
 * The digits of a skip stream, `length` of them: d below limit - 1 goes d + 1 elements on and writes, limit - 1 goes
 * that far and writes nothing. Where `length` is longer than needed, the background is written once more in between.
 */
export function listSkips(symbols: Symbols, limit: number, length: number): Skips {
  const { background, foreground } = symbols;
  const patterns = symbols.patterns();
  let padding = length - countSkips(symbols, limit);
  const digits = new Uint32Array(length);
  const values = new Uint32Array(foreground + padding);
  let at = 0;
  let written = 0;
  const write = (digit: number, pattern: number): void => {
    digits[at++] = digit;
    values[written++] = pattern;
  };
  let last = -1;
  for (let i = 0; i < patterns.length; i++) {
    if (patterns[i] === background) continue;
    if (padding > 0 && isSplittable(i - last, limit)) {
      write(0, background);
      last++;
      padding--;
    }
    for (; i - last >= limit; last += limit - 1) digits[at++] = limit - 1;
    write(i - last - 1, patterns[i]!);
    last = i;
  }
  return { digits, values };
}
