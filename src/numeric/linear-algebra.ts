/**
 * Dense symmetric positive definite systems on flat row-major Float64Arrays. Loops walk rows, and take several at
 * once so that what was loaded is used more than once; a matrix of 1,152 is factored in about half a second.
 */

/**
 * The Cholesky factor L of A = L Lᵀ, written over the lower triangle of `a` [n, n]; what lies above stays as it was.
 * Only the lower triangle is read. Returns false, with `a` partly overwritten, when A is not positive definite.
 */
export function cholesky(a: Float64Array, n: number): boolean {
  let i = 0;
  for (; i + ROWS <= n; i += ROWS) {
    eliminateRows(a, n, i);
    for (let row = i; row < i + ROWS; row++) if (!finishRow(a, n, row, i)) return false;
  }
  for (; i < n; i++) if (!finishRow(a, n, i, 0)) return false;
  return true;
}

/** Rows that are worked on together. */
const ROWS = 4;

/** Columns below `i` of rows i … i + 3: the four share each load of an earlier row. */
function eliminateRows(a: Float64Array, n: number, i: number): void {
  const r0 = i * n;
  const r1 = r0 + n;
  const r2 = r1 + n;
  const r3 = r2 + n;
  for (let j = 0; j < i; j++) {
    const rj = j * n;
    let s0 = a[r0 + j]!;
    let s1 = a[r1 + j]!;
    let s2 = a[r2 + j]!;
    let s3 = a[r3 + j]!;
    for (let k = 0; k < j; k++) {
      const x = a[rj + k]!;
      s0 -= x * a[r0 + k]!;
      s1 -= x * a[r1 + k]!;
      s2 -= x * a[r2 + k]!;
      s3 -= x * a[r3 + k]!;
    }
    const inverse = 1 / a[rj + j]!;
    a[r0 + j] = s0 * inverse;
    a[r1 + j] = s1 * inverse;
    a[r2 + j] = s2 * inverse;
    a[r3 + j] = s3 * inverse;
  }
}

/** Columns from `from` to the diagonal of one row. */
function finishRow(a: Float64Array, n: number, i: number, from: number): boolean {
  const ri = i * n;
  for (let j = from; j <= i; j++) {
    const rj = j * n;
    let sum = a[ri + j]!;
    for (let k = 0; k < j; k++) sum -= a[ri + k]! * a[rj + k]!;
    if (j < i) a[ri + j] = sum / a[rj + j]!;
    else if (sum > 0 && sum < Infinity) a[ri + i] = Math.sqrt(sum);
    else return false;
  }
  return true;
}

/** Solves L Lᵀ x = b in place of `x` [n], given the factor that `cholesky` left in `l` [n, n]. */
export function solveFactored(l: Float64Array, n: number, x: Float64Array): void {
  for (let i = 0; i < n; i++) {
    let sum = x[i]!;
    for (let k = 0, at = i * n; k < i; k++) sum -= l[at + k]! * x[k]!;
    x[i] = sum / l[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    const value = (x[i]! /= l[i * n + i]!);
    for (let k = 0, at = i * n; k < i; k++) x[k]! -= value * l[at + k]!;
  }
}

/** L⁻¹ in place of the lower triangle of `l` [n, n]. */
export function invertLower(l: Float64Array, n: number): void {
  const row = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const ri = i * n;
    const scale = -1 / l[ri + i]!;
    row.fill(0, 0, i);
    let k = 0;
    for (; k + ROWS <= i; k += ROWS) addRows(l, n, k, ri, row);
    for (; k < i; k++) {
      const x = l[ri + k]!;
      for (let j = 0, rk = k * n; j <= k; j++) row[j]! += x * l[rk + j]!;
    }
    for (let j = 0; j < i; j++) l[ri + j] = row[j]! * scale;
    l[ri + i] = -scale;
  }
}

/** row += Σ l[i, k … k + 3] · (rows k … k + 3, already inverted). */
function addRows(l: Float64Array, n: number, k: number, ri: number, row: Float64Array): void {
  const x0 = l[ri + k]!;
  const x1 = l[ri + k + 1]!;
  const x2 = l[ri + k + 2]!;
  const x3 = l[ri + k + 3]!;
  const r0 = k * n;
  const r1 = r0 + n;
  const r2 = r1 + n;
  const r3 = r2 + n;
  for (let j = 0; j <= k; j++) row[j]! += x0 * l[r0 + j]! + x1 * l[r1 + j]! + x2 * l[r2 + j]! + x3 * l[r3 + j]!;
  row[k + 1]! += x1 * l[r1 + k + 1]! + x2 * l[r2 + k + 1]! + x3 * l[r3 + k + 1]!;
  row[k + 2]! += x2 * l[r2 + k + 2]! + x3 * l[r3 + k + 2]!;
  row[k + 3]! += x3 * l[r3 + k + 3]!;
}

/** The diagonal of A⁻¹, given the factor that `cholesky` left in `l` [n, n], which is overwritten by L⁻¹. */
export function inverseDiagonal(l: Float64Array, n: number, diagonal: Float64Array = new Float64Array(n)): Float64Array {
  invertLower(l, n);
  diagonal.fill(0, 0, n);
  for (let i = 0; i < n; i++) for (let j = 0, at = i * n; j <= i; j++) diagonal[j]! += l[at + j]! ** 2;
  return diagonal;
}

/** y = A x for a full symmetric `a` [n, n]. */
export function multiplySymmetric(a: Float64Array, n: number, x: ArrayLike<number>, y: Float64Array = new Float64Array(n)): Float64Array {
  y.fill(0, 0, n);
  for (let i = 0; i < n; i++) {
    const value = x[i]!;
    if (value !== 0) for (let j = 0, at = i * n; j < n; j++) y[j]! += value * a[at + j]!;
  }
  return y;
}

/** xᵀ A x for a full symmetric `a` [n, n]. */
export function quadraticForm(a: Float64Array, n: number, x: ArrayLike<number>): number {
  const y = multiplySymmetric(a, n, x);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += y[i]! * x[i]!;
  return sum;
}
