/** Products in plain JavaScript, where onnxruntime is missing. */
import { type Matrix, type MatrixEngine, matrixOf, type Reals } from "./matrix.js";

export const PLAIN_ENGINE: MatrixEngine = {
  multiply: (a, b, transposed = false) =>
    Promise.resolve(transposed ? multiplyTransposed(a, b) : multiply(a, b)),
  gram: (a) => Promise.resolve(gram(a)),
};

function emptyLike<T extends Reals>(model: T, length: number): T {
  return (model instanceof Float32Array ? new Float32Array(length) : new Float64Array(length)) as T;
}

/** Sums in double precision, whatever the precision of the matrices. */
function multiply<T extends Reals>(a: Matrix<T>, b: Matrix<T>): Matrix<T> {
  requireFit(a.columns, b.rows);
  const result = emptyLike(a.data, a.rows * b.columns);
  const sums = new Float64Array(b.columns);
  for (let i = 0; i < a.rows; i++) {
    sums.fill(0);
    addRows(a.data, i * a.columns, a.columns, b.data, sums);
    result.set(sums, i * b.columns);
  }
  return matrixOf(a.rows, b.columns, result);
}

/** sums += Σ over k of a[at + k] · row k of b; four rows at once, and rows of zeros not at all. */
function addRows(a: Reals, at: number, count: number, b: Reals, sums: Float64Array): void {
  const n = sums.length;
  let k = 0;
  for (; k + 4 <= count; k += 4) {
    const x0 = a[at + k]!;
    const x1 = a[at + k + 1]!;
    const x2 = a[at + k + 2]!;
    const x3 = a[at + k + 3]!;
    if (x0 === 0 && x1 === 0 && x2 === 0 && x3 === 0) continue;
    const r0 = k * n;
    const r1 = r0 + n;
    const r2 = r1 + n;
    const r3 = r2 + n;
    for (let j = 0; j < n; j++)
      sums[j]! += x0 * b[r0 + j]! + x1 * b[r1 + j]! + x2 * b[r2 + j]! + x3 * b[r3 + j]!;
  }
  for (; k < count; k++) {
    const x = a[at + k]!;
    if (x !== 0) for (let j = 0, row = k * n; j < n; j++) sums[j]! += x * b[row + j]!;
  }
}

function multiplyTransposed<T extends Reals>(a: Matrix<T>, b: Matrix<T>): Matrix<T> {
  requireFit(a.columns, b.columns);
  const n = a.columns;
  const result = emptyLike(a.data, a.rows * b.rows);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.rows; j++) {
      let sum = 0;
      for (let k = 0, p = i * n, q = j * n; k < n; k++) sum += a.data[p + k]! * b.data[q + k]!;
      result[i * b.rows + j] = sum;
    }
  }
  return matrixOf(a.rows, b.rows, result);
}

function gram<T extends Reals>({ rows, columns, data }: Matrix<T>): Matrix<T> {
  const sums = new Float64Array(columns * columns);
  for (let row = 0, at = 0; row < rows; row++, at += columns) {
    for (let i = 0; i < columns; i++) {
      const x = data[at + i]!;
      if (x !== 0) for (let j = 0, to = i * columns; j <= i; j++) sums[to + j]! += x * data[at + j]!;
    }
  }
  const result = emptyLike(data, sums.length);
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j <= i; j++) {
      const value = sums[i * columns + j]!;
      result[i * columns + j] = value;
      result[j * columns + i] = value;
    }
  }
  return matrixOf(columns, columns, result);
}

function requireFit(inner: number, other: number): void {
  if (inner !== other) throw new RangeError(`matrices of ${inner} and ${other} inner values do not multiply`);
}
