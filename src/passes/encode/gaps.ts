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
export function listEntries({ patterns, background }: Symbols, limit: number, length: number): Entries {
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
