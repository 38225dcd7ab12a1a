/**
 * Dense symmetric positive definite systems on flat row-major Float64Arrays. Loops walk rows, and take
 * several at once so that what was loaded is used more than once; a matrix of 1,152 is factored in a
 * quarter of a second.
 */

/**
 * The Cholesky factor L of A = L Lᵀ, written over the lower triangle of `a` [n, n]; what lies above stays
 * as it was. Only the lower triangle is read. Returns false, with `a` partly overwritten, when A is not
 * positive definite.
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

/**
 * Columns below `i` of rows i … i + 3, two columns at once: six loads serve eight multiplications. `i` is a
 * multiple of ROWS and so even.
 */
function eliminateRows(a: Float64Array, n: number, i: number): void {
  const r0 = i * n;
  const r1 = r0 + n;
  const r2 = r1 + n;
  const r3 = r2 + n;
  for (let j = 0; j < i; j += 2) {
    const p = j * n;
    const q = p + n;
    let s0 = a[r0 + j]!;
    let s1 = a[r1 + j]!;
    let s2 = a[r2 + j]!;
    let s3 = a[r3 + j]!;
    let t0 = a[r0 + j + 1]!;
    let t1 = a[r1 + j + 1]!;
    let t2 = a[r2 + j + 1]!;
    let t3 = a[r3 + j + 1]!;
    for (let k = 0; k < j; k++) {
      const x = a[p + k]!;
      const y = a[q + k]!;
      const v0 = a[r0 + k]!;
      const v1 = a[r1 + k]!;
      const v2 = a[r2 + k]!;
      const v3 = a[r3 + k]!;
      s0 -= x * v0;
      s1 -= x * v1;
      s2 -= x * v2;
      s3 -= x * v3;
      t0 -= y * v0;
      t1 -= y * v1;
      t2 -= y * v2;
      t3 -= y * v3;
    }
    const first = 1 / a[p + j]!;
    const cross = a[q + j]! * first;
    const second = 1 / a[q + j + 1]!;
    a[r0 + j] = s0 * first;
    a[r1 + j] = s1 * first;
    a[r2 + j] = s2 * first;
    a[r3 + j] = s3 * first;
    a[r0 + j + 1] = (t0 - cross * s0) * second;
    a[r1 + j + 1] = (t1 - cross * s1) * second;
    a[r2 + j + 1] = (t2 - cross * s2) * second;
    a[r3 + j + 1] = (t3 - cross * s3) * second;
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

/**
 * `solveFactored` for four right-hand sides at once, each in place: a layer of 384 inputs and 1,000 outputs
 * is refit in a quarter of the time.
 * @param upper Lᵀ [n, n] row-major, so that both ways walk rows
 */
export function solveFactoredFour(
  l: Float64Array,
  upper: Float64Array,
  n: number,
  sides: readonly [Float64Array, Float64Array, Float64Array, Float64Array],
): void {
  for (let i = 0; i < n; i++) eliminateKnown(l, i * n, 0, i, l[i * n + i]!, i, sides);
  for (let i = n - 1; i >= 0; i--) eliminateKnown(upper, i * n, i + 1, n, l[i * n + i]!, i, sides);
}

/** Of each side x: xᵢ = (xᵢ - Σ over k from `from` to `to` of a[at + k] xₖ) / diagonal. */
function eliminateKnown(
  a: Float64Array,
  at: number,
  from: number,
  to: number,
  diagonal: number,
  i: number,
  [x0, x1, x2, x3]: readonly [Float64Array, Float64Array, Float64Array, Float64Array],
): void {
  let s0 = x0[i]!;
  let s1 = x1[i]!;
  let s2 = x2[i]!;
  let s3 = x3[i]!;
  for (let k = from; k < to; k++) {
    const value = a[at + k]!;
    s0 -= value * x0[k]!;
    s1 -= value * x1[k]!;
    s2 -= value * x2[k]!;
    s3 -= value * x3[k]!;
  }
  x0[i] = s0 / diagonal;
  x1[i] = s1 / diagonal;
  x2[i] = s2 / diagonal;
  x3[i] = s3 / diagonal;
}

/** L⁻¹ in place of the lower triangle of `l` [n, n]; two rows at a time. */
export function invertLower(l: Float64Array, n: number): void {
  const upper = new Float64Array(n);
  const lower = new Float64Array(n);
  for (let i = 0; i < n; i += 2) {
    const pair = i + 1 < n;
    const ri = i * n;
    const rj = pair ? ri + n : ri;
    upper.fill(0, 0, i);
    lower.fill(0, 0, i);
    let k = 0;
    for (; k + ROWS <= i; k += ROWS) addRows(l, n, k, ri, rj, upper, lower);
    for (; k < i; k++) addRow(l, k * n, 0, k, l[ri + k]!, l[rj + k]!, upper, lower);
    finishInverse(l, ri, i, upper);
    if (!pair) return;
    const x = l[rj + i]!;
    for (let j = 0; j <= i; j++) lower[j] = (j < i ? lower[j]! : 0) + x * l[ri + j]!;
    finishInverse(l, rj, i + 1, lower);
  }
}

/** upper and lower += rows k … k + 3, already inverted, times their entries in rows i and i + 1. */
function addRows(
  l: Float64Array,
  n: number,
  k: number,
  ri: number,
  rj: number,
  upper: Float64Array,
  lower: Float64Array,
): void {
  const u0 = l[ri + k]!;
  const u1 = l[ri + k + 1]!;
  const u2 = l[ri + k + 2]!;
  const u3 = l[ri + k + 3]!;
  const v0 = l[rj + k]!;
  const v1 = l[rj + k + 1]!;
  const v2 = l[rj + k + 2]!;
  const v3 = l[rj + k + 3]!;
  const r0 = k * n;
  const r1 = r0 + n;
  const r2 = r1 + n;
  const r3 = r2 + n;
  for (let j = 0; j <= k; j++) {
    const a = l[r0 + j]!;
    const b = l[r1 + j]!;
    const c = l[r2 + j]!;
    const d = l[r3 + j]!;
    upper[j]! += u0 * a + u1 * b + u2 * c + u3 * d;
    lower[j]! += v0 * a + v1 * b + v2 * c + v3 * d;
  }
  for (let row = k + 1; row < k + ROWS; row++)
    addRow(l, row * n, k + 1, row, l[ri + row]!, l[rj + row]!, upper, lower);
}

/** upper and lower += columns from … to of the row at `at`, times u and v. */
function addRow(
  l: Float64Array,
  at: number,
  from: number,
  to: number,
  u: number,
  v: number,
  upper: Float64Array,
  lower: Float64Array,
): void {
  for (let j = from; j <= to; j++) {
    upper[j]! += u * l[at + j]!;
    lower[j]! += v * l[at + j]!;
  }
}

/** Row i of the inverse from Σ l[i, k] · (row k of the inverse) over k below i. */
function finishInverse(l: Float64Array, ri: number, i: number, sums: Float64Array): void {
  const scale = -1 / l[ri + i]!;
  for (let j = 0; j < i; j++) l[ri + j] = sums[j]! * scale;
  l[ri + i] = -scale;
}

/** The diagonal of A⁻¹, given the factor that `cholesky` left in `l` [n, n], which is overwritten by L⁻¹. */
export function inverseDiagonal(
  l: Float64Array,
  n: number,
  diagonal: Float64Array = new Float64Array(n),
): Float64Array {
  invertLower(l, n);
  diagonal.fill(0, 0, n);
  for (let i = 0; i < n; i++) for (let j = 0, at = i * n; j <= i; j++) diagonal[j]! += l[at + j]! ** 2;
  return diagonal;
}
