/** A tensor as symbols: which bit patterns it holds and where, the ground that every storage form is chosen on. */
import { tensorBytes } from "../../ir/index.js";
import type { Tensor } from "../../ir/index.js";

/** More distinct patterns than this and a table of them stops paying; counting stops as well. */
export const MAX_DISTINCT = 4096;

export type Patterns = Uint8Array | Uint16Array | Uint32Array;

export interface Symbols {
  readonly count: number;
  readonly bytesPerElement: number;
  /** The bits of each element, read anew so that analysing a large model does not hold it twice; comparing bits keeps -0 and every NaN apart. */
  readonly patterns: () => Patterns;
  /** Distinct patterns in ascending order, or undefined when there are more than MAX_DISTINCT. */
  readonly distinct: readonly number[] | undefined;
  /** The most frequent pattern (zero when there are too many to count): what a sparse form leaves out. */
  readonly background: number;
  /** Elements that differ from the background. */
  readonly foreground: number;
  /** Index of the first of them, or -1. */
  readonly first: number;
  /** How often the distance d from one foreground element to the next occurs; the first counts from element 0. */
  readonly distances: ReadonlyMap<number, number>;
}

export function readSymbols(tensor: Tensor, bytesPerElement: number): Symbols {
  const read = (): Patterns => readPatterns(tensor, bytesPerElement);
  const patterns = read();
  const counts = countPatterns(patterns);
  let background = 0;
  if (counts) {
    let most = 0;
    for (const [pattern, n] of counts) if (n > most) [background, most] = [pattern, n];
  }
  const { foreground, first, distances } = measureDistances(patterns, background);
  return {
    count: patterns.length, bytesPerElement, patterns: read, background, foreground, first, distances,
    distinct: counts && [...counts.keys()],
  };
}

function readPatterns(tensor: Tensor, bytesPerElement: number): Patterns {
  const bytes = new Uint8Array(tensorBytes(tensor));
  return bytesPerElement === 1 ? bytes : bytesPerElement === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer);
}

/** Occurrences by pattern, ascending, or undefined beyond MAX_DISTINCT. An open-addressing table: twice as fast as a Map. */
function countPatterns(patterns: ArrayLike<number>): Map<number, number> | undefined {
  const mask = 4 * MAX_DISTINCT - 1;
  const keys = new Uint32Array(mask + 1);
  const counts = new Uint32Array(mask + 1);
  let distinct = 0;
  for (let i = 0; i < patterns.length; i++) {
    const pattern = patterns[i]!;
    let slot = (Math.imul(pattern, 0x9e3779b1) >>> 12) & mask;
    while (counts[slot] !== 0 && keys[slot] !== pattern) slot = (slot + 1) & mask;
    if (counts[slot] === 0) {
      if (++distinct > MAX_DISTINCT) return undefined;
      keys[slot] = pattern;
    }
    counts[slot]!++;
  }
  const used = [...keys.keys()].filter((slot) => counts[slot] !== 0).sort((a, b) => keys[a]! - keys[b]!);
  return new Map(used.map((slot) => [keys[slot]!, counts[slot]!]));
}

function measureDistances(patterns: ArrayLike<number>, background: number): Pick<Symbols, "foreground" | "first" | "distances"> {
  const distances = new Map<number, number>();
  let foreground = 0;
  let first = -1;
  let last = 0;
  for (let i = 0; i < patterns.length; i++) {
    if (patterns[i] === background) continue;
    if (foreground++ === 0) first = i;
    distances.set(i - last, (distances.get(i - last) ?? 0) + 1);
    last = i;
  }
  return { foreground, first, distances };
}

/** Patterns as the bytes of a constant of the tensor's own type. */
export function patternBytes(patterns: readonly number[] | Patterns, bytesPerElement: number): Uint8Array {
  const values = bytesPerElement === 1 ? Uint8Array.from(patterns) : bytesPerElement === 2 ? Uint16Array.from(patterns) : Uint32Array.from(patterns);
  return new Uint8Array(values.buffer);
}
