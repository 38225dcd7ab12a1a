/**
 * L⁻¹ of A = L Lᵀ, by halves: all but blocks along the diagonal is products of matrices as large as they can be,
 *
 *   A = [A₁ ·; B C]    L = [L₁ ·; M N], M = B L₁⁻ᵀ, N Nᵀ = C - M Mᵀ    L⁻¹ = [L₁⁻¹ ·; -N⁻¹ M L₁⁻¹ N⁻¹]
 */
import { cholesky, invertLower } from "../numeric/linear-algebra.js";
import { type Matrix, type MatrixEngine, matrixOf, partOf, type Reals } from "./matrix.js";

/** Rows from which on halves pay. */
const SMALL = 64;

/**
 * With zeros above the diagonal, in the precision of A, of which only the lower triangle is read. Undefined when
 * A is not positive definite.
 */
export async function inverseFactor<T extends Reals>(
  engine: MatrixEngine,
  a: Matrix<T>,
  small = SMALL,
): Promise<Matrix<T> | undefined> {
  const n = a.rows;
  if (n <= small) return inverseOfSmall(a);
  const half = n >> 1;
  const upper = await inverseFactor(engine, partOf(a, [0, half], [0, half]), small);
  if (!upper) return undefined;
  const below = await engine.multiply(partOf(a, [half, n], [0, half]), upper, true);
  const rest = partOf(a, [half, n], [half, n]);
  subtract(rest, await engine.multiply(below, below, true));
  const lower = await inverseFactor(engine, rest, small);
  if (!lower) return undefined;
  const left = await engine.multiply(lower, await engine.multiply(below, upper));
  return together(upper, left, lower);
}

/** In double precision within. */
function inverseOfSmall<T extends Reals>({ rows: n, data }: Matrix<T>): Matrix<T> | undefined {
  const l = new Float64Array(data);
  if (!cholesky(l, n)) return undefined;
  invertLower(l, n);
  const inverse = data.slice() as T;
  for (let i = 0, at = 0; i < n; i++) for (let j = 0; j < n; j++, at++) inverse[at] = j <= i ? l[at]! : 0;
  return matrixOf(n, n, inverse);
}

function subtract<T extends Reals>({ data }: Matrix<T>, other: Matrix<T>): void {
  for (let i = 0; i < data.length; i++) data[i]! -= other.data[i]!;
}

/** [upper 0; -left lower] */
function together<T extends Reals>(upper: Matrix<T>, left: Matrix<T>, lower: Matrix<T>): Matrix<T> {
  const [half, n] = [upper.rows, upper.rows + lower.rows];
  const data = new (upper.data.constructor as new (length: number) => T)(n * n);
  for (let i = 0; i < left.data.length; i++) left.data[i] = -left.data[i]!;
  for (let i = 0; i < half; i++) data.set(upper.data.subarray(i * half, (i + 1) * half), i * n);
  for (let i = half; i < n; i++) {
    const row = i - half;
    data.set(left.data.subarray(row * half, (row + 1) * half), i * n);
    data.set(lower.data.subarray(row * lower.rows, (row + 1) * lower.rows), i * n + half);
  }
  return matrixOf(n, n, data);
}
