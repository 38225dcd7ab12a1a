/** Products with a symmetric matrix in plain loops, to check others against. */

/** y = A x for a full symmetric `a` [n, n]. */
export function multiplySymmetric(
  a: Float64Array,
  n: number,
  x: ArrayLike<number>,
  y: Float64Array = new Float64Array(n),
): Float64Array {
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
