/**
 * Cholesky factors, systems and inverses in blocks: the engine updates the rest of the matrix after each block
 * by one large product; only the blocks along the diagonal use plain loops.
 */
import { cholesky, invertLower } from "../numeric/linear-algebra.js";
import { type Matrix, type MatrixEngine, matrixOf, partOf, rowsOf } from "./matrix.js";

type Doubles = Matrix<Float64Array>;

const BLOCK = 64;

export interface FactorOptions {
  /** Columns that are eliminated together. */
  readonly block?: number;
  /** Whether L takes the place of A. */
  readonly overwrite?: boolean;
}

/**
 * L of A = L Lᵀ, its upper triangle zero. Only the lower triangle of A is read. Undefined when A is not
 * positive definite.
 */
export async function factorize(
  engine: MatrixEngine,
  { rows: n, data }: Doubles,
  { block = BLOCK, overwrite = false }: FactorOptions = {},
): Promise<Doubles | undefined> {
  const l = matrixOf(n, n, overwrite ? data : data.slice());
  for (let from = 0; from < n; from += block) {
    const to = Math.min(n, from + block);
    const own = partOf(l, [from, to], [from, to]);
    if (!cholesky(own.data, to - from)) return undefined;
    clearAbove(own);
    put(l, own, from, from);
    if (to === n) break;
    const below = await engine.multiply(partOf(l, [to, n], [from, to]), inverseOf(own), true);
    put(l, below, to, from);
    await subtractProducts(engine, l, below, to);
  }
  clearAbove(l);
  return l;
}

/** Columns of a factor in single precision that are computed together. */
const WIDE = 256;

/**
 * The same in single precision, in place: for a matrix whose least eigenvalue is far above its rounding. Each
 * block of columns takes in all that are before it by one product, so that what follows is read only once.
 */
export async function factorizeSingles(
  engine: MatrixEngine,
  l: Matrix<Float32Array>,
  block = WIDE,
): Promise<Matrix<Float32Array> | undefined> {
  const n = l.rows;
  for (let from = 0; from < n; from += block) {
    const to = Math.min(n, from + block);
    const rest = partOf(l, [from, n], [from, to]);
    if (from > 0) {
      const done = partOf(l, [from, n], [0, from]);
      const { data } = await engine.multiply(done, rowsOf(done, 0, to - from), true);
      for (let i = 0; i < data.length; i++) rest.data[i]! -= data[i]!;
    }
    const own = rowsOf(rest, 0, to - from);
    const factor = await factorize(engine, { ...own, data: new Float64Array(own.data) }, { overwrite: true });
    if (!factor) return undefined;
    put(l, factor, from, from);
    const inverse = matrixOf(to - from, to - from, new Float32Array(inverseOf(factor).data));
    if (to < n) put(l, await engine.multiply(rowsOf(rest, to - from, n - from), inverse, true), to, from);
  }
  return l;
}

/** Rows of the trailing product to compute at once: the whole is as large as the matrix. */
const TRAILING = 1024;

/** A -= P Pᵀ from row and column `at` on, where `below` is P; entries above the diagonal need not change. */
async function subtractProducts(engine: MatrixEngine, a: Doubles, below: Doubles, at: number): Promise<void> {
  for (let from = 0; from < below.rows; from += TRAILING) {
    const to = Math.min(below.rows, from + TRAILING);
    const upper = partOf(below, [from, to], [0, below.columns]);
    const product = await engine.multiply(upper, partOf(below, [0, to], [0, below.columns]), true);
    for (let i = 0; i < product.rows; i++) {
      const row = (at + from + i) * a.columns + at;
      for (let j = 0, p = i * product.columns; j <= from + i; j++) a.data[row + j]! -= product.data[p + j]!;
    }
  }
}

/** X of X L Lᵀ = B, for every row of B, given L. */
export async function solveRows(
  engine: MatrixEngine,
  l: Doubles,
  b: Doubles,
  block = BLOCK,
): Promise<Doubles> {
  const n = l.rows;
  const x = matrixOf(b.rows, n, b.data.slice());
  const starts = Array.from({ length: Math.ceil(n / block) }, (_, k) => k * block);
  // Y Lᵀ = B from the first block on, then X L = Y from the last.
  for (const from of starts) {
    const to = Math.min(n, from + block);
    const own = inverseOf(partOf(l, [from, to], [from, to]));
    const solved = await engine.multiply(partOf(x, [0, x.rows], [from, to]), own, true);
    put(x, solved, 0, from);
    if (to < n) subtract(x, await engine.multiply(solved, partOf(l, [to, n], [from, to]), true), to);
  }
  for (const from of starts.reverse()) {
    const to = Math.min(n, from + block);
    const own = inverseOf(partOf(l, [from, to], [from, to]));
    const solved = await engine.multiply(partOf(x, [0, x.rows], [from, to]), own);
    put(x, solved, 0, from);
    if (from > 0) subtract(x, await engine.multiply(solved, partOf(l, [from, to], [0, from])), 0);
  }
  return x;
}

/** L⁻¹ of a block with zeros above its diagonal. */
function inverseOf({ rows, data }: Doubles): Doubles {
  const inverse = data.slice();
  invertLower(inverse, rows);
  return matrixOf(rows, rows, inverse);
}

function put(into: Matrix, part: Matrix, row: number, column: number): void {
  for (let i = 0; i < part.rows; i++) {
    const own = part.data.subarray(i * part.columns, (i + 1) * part.columns);
    into.data.set(own, (row + i) * into.columns + column);
  }
}

/** Subtracts `part` from the columns from `column` on. */
function subtract(from: Doubles, part: Doubles, column: number): void {
  for (let i = 0; i < part.rows; i++) {
    const at = i * from.columns + column;
    for (let j = 0, p = i * part.columns; j < part.columns; j++) from.data[at + j]! -= part.data[p + j]!;
  }
}

function clearAbove({ rows, columns, data }: Doubles): void {
  for (let i = 0; i < rows; i++) data.fill(0, i * columns + i + 1, (i + 1) * columns);
}
