/**
 * An approximation of a positive definite matrix by a diagonal and a few columns, H ≈ Δ + V Vᵀ, from its
 * Cholesky factorization with pivots, stopped early (Harbrecht et al. 2012; as a preconditioner: Gardner et
 * al. 2018). Inputs of a layer vary mostly along a few directions, so a few columns capture most of H.
 */
import { dot } from "./matrix.js";
import type { System } from "./system.js";

/** The least remainder of a diagonal entry, so that dividing by it is safe. */
const FLOOR = 1e-3;
/**
 * How many times as much of the trace as any one feature holds on average a column must capture to be worth
 * its products.
 */
const WORTHWHILE = 4;

export interface LowRank {
  /** V [size, rank], row-major. */
  readonly columns: Float32Array;
  readonly rank: number;
  /** Δ, positive. */
  readonly diagonal: Float32Array;
}

/** @param most the highest rank */
export function lowRankOf(h: Pick<System, "size" | "diagonal" | "column">, most: number): LowRank {
  const n = h.size;
  const left = Float64Array.from(h.diagonal);
  const floor = left.map((value) => FLOOR * value);
  const found: Float32Array[] = [];
  let trace = 0;
  for (let i = 0; i < n; i++) trace += left[i]!;
  while (found.length < most) {
    const pivot = argMax(left);
    if (!(left[pivot]! > floor[pivot]!)) break;
    const own = remainderOf(h.column(pivot), found, pivot, left[pivot]!);
    const captured = dot(own, own);
    if (captured < (WORTHWHILE * trace) / n) break;
    for (let i = 0; i < n; i++) left[i]! -= own[i]! ** 2;
    trace -= captured;
    found.push(own);
  }
  const rank = found.length;
  const columns = new Float32Array(n * rank);
  for (const [k, own] of found.entries()) for (let i = 0; i < n; i++) columns[i * rank + k] = own[i]!;
  return { columns, rank, diagonal: Float32Array.from(left, (value, i) => Math.max(value, floor[i]!)) };
}

/** What the columns found so far leave of column `pivot` of H, divided by the root of its diagonal. */
function remainderOf(
  column: Float32Array,
  found: readonly Float32Array[],
  pivot: number,
  left: number,
): Float32Array {
  const own = new Float64Array(column);
  for (const other of found) {
    const factor = other[pivot]!;
    for (let i = 0; i < own.length; i++) own[i]! -= factor * other[i]!;
  }
  const root = Math.sqrt(left);
  for (let i = 0; i < own.length; i++) own[i]! /= root;
  return new Float32Array(own);
}

function argMax(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
