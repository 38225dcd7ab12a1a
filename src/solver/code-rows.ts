/**
 * Chooses codes for rows of weights whose values come from a codebook, and keeps the errors e = ŵ - w and their
 * gradients H e. Works in blocks of columns, so that one product applies a block's changes to the others.
 */
import { MAX_PAIR_SUM } from "../numeric/affine.js";
import { nearestEntry } from "../numeric/k-means.js";
import { type Matrix, type MatrixEngine, matrixOf, partOf, slabs } from "./matrix.js";

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
  readonly gradient: Float32Array;
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

const BLOCK = 128;
/** Of columns that make up for each other in plain loops; what they do to all others is a product. */
const COMPENSATED = 64;

/** Chooses the entry nearest to each weight. */
export function chooseNearest(coded: CodedRows): void {
  const { rows, columns, weights, fixed } = coded;
  for (let row = 0, at = 0; row < rows; row++)
    for (let j = 0; j < columns; j++, at++) if (weights[at] !== fixed) choose(coded, row, j, weights[at]!);
}

/**
 * Improves codes one by one: weight j moves to the entry nearest to ŵ_j - (H e)_j / H_jj, its best value with
 * all others fixed (COMQ, Zhang et al. 2024; QuantEase, Behdin et al. 2023). Returns how many moved.
 */
export async function improveCodes(
  engine: MatrixEngine,
  coded: CodedRows,
  h: Matrix<Float32Array>,
): Promise<number> {
  let moved = 0;
  for (let from = 0; from < coded.columns; from += BLOCK) {
    const to = Math.min(coded.columns, from + BLOCK);
    const below = partOf(h, [from, to], [0, coded.columns]);
    for (const [top, bottom] of slabs(coded.rows, coded.columns)) {
      const steps = new Float32Array((bottom - top) * (to - from));
      const own = improveBlock(coded, h, [top, bottom], [from, to], steps);
      moved += own;
      if (own === 0) continue;
      const effect = await engine.multiply(matrixOf(bottom - top, to - from, steps), below);
      add(coded.gradient, effect.data, top * coded.columns);
    }
  }
  return moved;
}

type Range = readonly [number, number];

function improveBlock(
  coded: CodedRows,
  h: Matrix<Float32Array>,
  [top, bottom]: Range,
  [from, to]: Range,
  steps: Float32Array,
): number {
  const { columns: n, weights, fixed, error, gradient } = coded;
  const width = to - from;
  const own = new Float64Array(width);
  let moved = 0;
  for (let row = top; row < bottom; row++) {
    const at = row * n;
    const bounds = coded.boundsOf(row);
    own.set(gradient.subarray(at + from, at + to));
    for (let j = from; j < to; j++) {
      if (weights[at + j] === fixed) continue;
      const best = weights[at + j]! + error[at + j]! - own[j - from]! / h.data[j * n + j]!;
      const before = coded.codes[at + j]!;
      // Most weights do not move.
      if (!coded.partners && best > bounds[before]! && best <= bounds[before + 1]!) continue;
      const step = choose(coded, row, j, best);
      if (coded.codes[at + j] === before) continue;
      moved++;
      steps[(row - top) * width + j - from] = step;
      for (let i = 0, from_ = j * n + from; i < width; i++) own[i]! += step * h.data[from_ + i]!;
    }
  }
  return moved;
}

/**
 * Chooses codes feature by feature, each compensating the errors of those before (GPTQ, Frantar et al. 2022),
 * from the factor of H itself, going backwards (Chen et al., "The geometry of LLM quantization", 2025; see
 * numeric/error-compensation.ts).
 * @param factor L of H with its features in `order`, that of the largest diagonal last
 */
export async function compensateErrors(
  engine: MatrixEngine,
  coded: CodedRows,
  factor: Matrix<Float64Array>,
  order: Int32Array,
): Promise<void> {
  const n = coded.columns;
  for (const [top, bottom] of slabs(coded.rows, n)) {
    const sums = new Float32Array((bottom - top) * n);
    for (let to = n; to > 0; to -= COMPENSATED) {
      const from = Math.max(0, to - COMPENSATED);
      const errors = compensateBlock(coded, factor, order, [top, bottom], [from, to], sums);
      if (from === 0) break;
      const part = partOf(factor, [from, to], [0, from]);
      const right = matrixOf(to - from, from, new Float32Array(part.data));
      const effect = await engine.multiply(matrixOf(bottom - top, to - from, errors), right);
      for (let row = 0; row < bottom - top; row++)
        for (let i = 0, p = row * from, q = row * n; i < from; i++) sums[q + i]! += effect.data[p + i]!;
    }
  }
}

/** Returns the errors of the block, [rows, width]. */
function compensateBlock(
  coded: CodedRows,
  { data: l }: Matrix<Float64Array>,
  order: Int32Array,
  [top, bottom]: Range,
  [from, to]: Range,
  sums: Float32Array,
): Float32Array {
  const { columns: n, weights, fixed, error } = coded;
  const width = to - from;
  const errors = new Float32Array((bottom - top) * width);
  const own = new Float64Array(width);
  // Lᵀ of the block, whose rows are walked.
  const upper = new Float64Array(width * width);
  for (let i = 0; i < width; i++)
    for (let k = i; k < width; k++) upper[i * width + k] = l[(from + k) * n + from + i]!;
  for (let row = top; row < bottom; row++) {
    const [at, out, known] = [row * n, (row - top) * width - from, (row - top) * n];
    own.fill(0);
    for (let i = to - 1; i >= from; i--) {
      const j = order[i]!;
      if (weights[at + j] === fixed) continue;
      const sum = sums[known + i]! + dotFrom(i + 1 - from, upper, (i - from) * width, own);
      choose(coded, row, j, weights[at + j]! - sum / l[i * n + i]!);
      errors[out + i] = own[i - from] = error[at + j]!;
    }
  }
  return errors;
}

/** Σ a[at + k] b[k] from `first` on; in two sums, because each addition waits for the one before. */
function dotFrom(first: number, a: Float64Array, at: number, b: Float64Array): number {
  let [even, odd] = [0, 0];
  let k = first;
  for (; k + 2 <= b.length; k += 2) {
    even += a[at + k]! * b[k]!;
    odd += a[at + k + 1]! * b[k + 1]!;
  }
  return k < b.length ? even + odd + a[at + k]! * b[k]! : even + odd;
}

/** Recomputes the gradients from the errors. */
export async function measureGradients(
  engine: MatrixEngine,
  { rows, columns, error, gradient }: CodedRows,
  h: Matrix<Float32Array>,
): Promise<void> {
  for (const [top, bottom] of slabs(rows, columns)) {
    const some = matrixOf(bottom - top, columns, error.slice(top * columns, bottom * columns));
    gradient.set((await engine.multiply(some, h)).data, top * columns);
  }
}

/** Gives weight j of a row the allowed entry nearest to `wanted`; returns the change of its error. */
function choose(coded: CodedRows, row: number, j: number, wanted: number): number {
  const { columns, weights, codes, error, bookOf, partners } = coded;
  const book = bookOf(row);
  const at = row * columns + j;
  const nearest = nearestEntry(book, wanted);
  const partner = partners?.[j] ?? -1;
  const code = partner < 0 ? nearest : allowedEntry(coded, book, row * columns + partner, nearest, wanted);
  const before = error[at]!;
  codes[at] = code;
  error[at] = book[code]! - weights[at]!;
  return error[at] - before;
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

function add(to: Float32Array, addend: Float32Array, at: number): void {
  for (let i = 0; i < addend.length; i++) to[at + i]! += addend[i]!;
}
