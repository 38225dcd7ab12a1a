/** Rows of weights whose values come from a codebook: their codes, and their errors e = ŵ - w. */
import { MAX_PAIR_SUM } from "../numeric/affine.js";
import { nearestEntry } from "../numeric/k-means.js";

export type Range = readonly [number, number];

/** The rows of a group, which share H. `bookOf` gives the codebook of each row. */
export interface CodedRows {
  readonly rows: number;
  readonly columns: number;
  readonly weights: Float32Array;
  /** The value that must not change wherever it occurs. */
  readonly fixed: number | undefined;
  /** For each column, the column whose sum with it is limited, or -1. */
  readonly partners: Int32Array | undefined;
  /** Index in the row's codebook; -1 where fixed, or before the first choice. */
  readonly codes: Int16Array;
  readonly error: Float32Array;
  readonly bookOf: (row: number) => Float64Array;
  /** The midpoints between the entries of a row's codebook, from -Infinity to Infinity. */
  readonly boundsOf: (row: number) => Float64Array;
}

/** See `CodedRows.boundsOf`. */
export function boundsOf(book: Float64Array): Float64Array {
  return Float64Array.from({ length: book.length + 1 }, (_, c) =>
    c === 0 ? -Infinity : c === book.length ? Infinity : (book[c - 1]! + book[c]!) / 2,
  );
}

/** Chooses the entry nearest to each weight. */
export function chooseNearest(coded: CodedRows): void {
  const { rows, columns, weights, fixed, codes, error } = coded;
  for (let row = 0, at = 0; row < rows; row++) {
    const book = coded.bookOf(row);
    for (let j = 0; j < columns; j++, at++) {
      if (weights[at] === fixed) continue;
      codes[at] = entryFor(coded, row, j, weights[at]!);
      error[at] = book[codes[at]!]! - weights[at]!;
    }
  }
}

/** The allowed entry nearest to the value wanted for weight j of a row. */
export function entryFor(coded: CodedRows, row: number, j: number, wanted: number): number {
  const book = coded.bookOf(row);
  const nearest = nearestEntry(book, wanted);
  const partner = coded.partners?.[j] ?? -1;
  return partner < 0 ? nearest : allowedEntry(coded, book, row * coded.columns + partner, nearest, wanted);
}

/** The nearest entry that keeps a pair within its limit, or the one that exceeds it least. */
function allowedEntry(
  { codes }: CodedRows,
  book: Float64Array,
  partner: number,
  nearest: number,
  wanted: number,
): number {
  // One that is zero, or has no code yet, limits nothing.
  if (codes[partner]! < 0) return nearest;
  const other = book[codes[partner]!]!;
  const excess = (code: number): number =>
    book[code]! * other <= 0 ? 0 : Math.max(0, Math.abs(book[code]! + other) - MAX_PAIR_SUM);
  if (excess(nearest) === 0) return nearest;
  let best = nearest;
  for (let code = 0; code < book.length; code++) {
    const gain = excess(best) - excess(code);
    if (gain > 0 || (gain === 0 && Math.abs(book[code]! - wanted) < Math.abs(book[best]! - wanted)))
      best = code;
  }
  return best;
}
