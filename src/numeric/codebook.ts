/**
 * Rounding the weights of an output to the entries of a codebook so that the errors cancel over typical
 * inputs: the loss is (ŵ - w)ᵀ H (ŵ - w) with H = E[x xᵀ], lowered by coordinate descent (COMQ, Zhang et
 * al. 2024; QuantEase, Behdin et al. 2023): weight j moves to the entry nearest to ŵ_j - (H(ŵ - w))_j /
 * H_jj, its best value while all others stand. The codebook itself is then refit to the assignment by least
 * squares, and so on in turns.
 */
import { MAX_PAIR_SUM } from "./affine.js";
import { cholesky, solveFactored } from "./linear-algebra.js";
import { nearestEntry } from "./k-means.js";

/** One output: `weights` w at the features that take part, and what they become. */
export interface CodedRow {
  readonly weights: Float64Array;
  /** Index into the codebook for each weight; -1 before the first assignment. */
  readonly codes: Int32Array;
  /** H over the same features, full and row-major; without it each weight takes the entry nearest to it. */
  readonly h: Float64Array | undefined;
  /** How much this output's loss counts. */
  readonly importance: number;
  /** For each weight the one whose sum with it is limited, or -1. */
  readonly partners?: Int32Array;
}

const MAX_SWEEPS = 6;

/** Assigns codes, or improves those that are there. Returns whether any code changed. */
export function assignCodes(row: CodedRow, book: Float64Array): boolean {
  const { weights, codes, h } = row;
  if (!h) return assignNearest(row, book);
  const n = weights.length;
  const error = Float64Array.from(weights, (w, i) => (codes[i]! < 0 ? 0 : book[codes[i]!]! - w));
  const gradient = new Float64Array(n);
  for (let j = 0; j < n; j++) if (error[j] !== 0) addColumn(gradient, h, n, j, error[j]!);
  let changed = false;
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let moves = 0;
    for (let j = 0; j < n; j++) {
      const diagonal = h[j * n + j]!;
      const best = weights[j]! + error[j]! - (diagonal > 0 ? gradient[j]! / diagonal : 0);
      const code = allowedEntry(row, book, j, nearestEntry(book, best), best);
      if (code === codes[j]) continue;
      codes[j] = code;
      const step = book[code]! - weights[j]! - error[j]!;
      error[j]! += step;
      addColumn(gradient, h, n, j, step);
      moves++;
    }
    if (moves === 0) break;
    changed = true;
  }
  return changed;
}

function assignNearest(row: CodedRow, book: Float64Array): boolean {
  const before = row.codes.slice();
  row.weights.forEach((w, j) => void (row.codes[j] = allowedEntry(row, book, j, nearestEntry(book, w), w)));
  return before.some((code, j) => code !== row.codes[j]);
}

function addColumn(gradient: Float64Array, h: Float64Array, n: number, j: number, step: number): void {
  for (let i = 0, at = j * n; i < n; i++) gradient[i]! += step * h[at + i]!;
}

/** The nearest entry that keeps the pair of weight j within its limit, or that which exceeds it least. */
function allowedEntry(
  { partners, codes }: CodedRow,
  book: Float64Array,
  j: number,
  nearest: number,
  wanted: number,
): number {
  const partner = partners?.[j] ?? -1;
  if (partner < 0 || codes[partner]! < 0) return nearest;
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

/**
 * Normal equations of the entries: Σ over rows of importance · Aᵀ H A c = importance · Aᵀ H w, A being the
 * assignment.
 */
export class CodebookFit {
  private readonly normal: Float64Array;
  private readonly target: Float64Array;

  constructor(private readonly size: number) {
    this.normal = new Float64Array(size * size);
    this.target = new Float64Array(size);
  }

  /** Counts a row in. One without H tells nothing. */
  add({ weights, codes, h, importance }: CodedRow): void {
    if (!h) return;
    const n = weights.length;
    const sums = new Float64Array(this.size);
    for (let i = 0; i < n; i++) {
      sums.fill(0);
      let product = 0;
      for (let j = 0, at = i * n; j < n; j++) {
        sums[codes[j]!]! += h[at + j]!;
        product += h[at + j]! * weights[j]!;
      }
      const row = codes[i]! * this.size;
      this.target[codes[i]!]! += importance * product;
      for (let c = 0; c < this.size; c++) this.normal[row + c]! += importance * sums[c]!;
    }
  }

  /**
   * The best entries, near `book` where the data does not tell; in the order of `book`, so perhaps not
   * ascending.
   */
  solve(book: Float64Array): Float64Array {
    const { normal, size, target } = this;
    let trace = 0;
    for (let c = 0; c < size; c++) trace += normal[c * size + c]!;
    if (!(trace > 0)) return book.slice();
    const ridge = (1e-4 * trace) / size;
    const matrix = normal.slice();
    const entries = Float64Array.from(target, (t, c) => t + ridge * book[c]!);
    for (let c = 0; c < size; c++) matrix[c * size + c]! += ridge;
    if (!cholesky(matrix, size)) return book.slice();
    solveFactored(matrix, size, entries);
    return entries.every(Number.isFinite) ? entries : book.slice();
  }
}
