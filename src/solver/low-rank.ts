/**
 * An approximation of a positive definite matrix by a diagonal and a few columns, H ≈ Δ + V Vᵀ, from its
 * Cholesky factorization with pivots, stopped early (Harbrecht et al. 2012; as a preconditioner: Gardner et
 * al. 2018). Inputs of a layer vary mostly along a few directions, so a few columns capture most of H.
 */
import type { Matrix } from "./matrix.js";

/** The least remainder of a diagonal entry, so that dividing by it is safe. */
const FLOOR = 1e-3;

export interface LowRank {
  /** V [size, rank], row-major. */
  readonly columns: Float32Array;
  readonly rank: number;
  /** Δ, positive. */
  readonly diagonal: Float32Array;
}

/** @param h full symmetric, with a positive diagonal */
export function lowRankOf({ rows: n, data: h }: Matrix<Float32Array>, rank: number): LowRank {
  const left = Float64Array.from({ length: n }, (_, i) => h[i * n + i]!);
  const floor = left.map((value) => FLOOR * value);
  const columns = new Float32Array(n * rank);
  let found = 0;
  for (; found < rank; found++) {
    const pivot = argMax(left);
    if (!(left[pivot]! > floor[pivot]!)) break;
    addColumn(h, n, pivot, found, rank, left[pivot]!, columns);
    for (let i = 0; i < n; i++) left[i]! -= columns[i * rank + found]! ** 2;
  }
  return { columns, rank, diagonal: Float32Array.from(left, (value, i) => Math.max(value, floor[i]!)) };
}

/** Column `at` of V: the remainder of column `pivot` of H, divided by the root of its diagonal. */
function addColumn(
  h: Float32Array,
  n: number,
  pivot: number,
  at: number,
  rank: number,
  left: number,
  columns: Float32Array,
): void {
  const root = Math.sqrt(left);
  for (let i = 0; i < n; i++) {
    let value = h[pivot * n + i]!;
    for (let k = 0; k < at; k++) value -= columns[i * rank + k]! * columns[pivot * rank + k]!;
    columns[i * rank + at] = value / root;
  }
}

function argMax(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
