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
/** Columns of H to compute at once. */
const BATCH = 8;
/** A batch ends when a feature outside has so many times the remainder of each that is left of it. */
const PREFERRED = 4;

export interface LowRank {
  /** V [size, rank], row-major. */
  readonly columns: Float32Array;
  readonly rank: number;
  /** Δ, positive. */
  readonly diagonal: Float32Array;
}

/** What the approximation needs of H. */
export type Approximated = Pick<System, "size" | "diagonal" | "columns">;

/** @param most the highest rank */
export async function lowRankOf(h: Approximated, most: number): Promise<LowRank> {
  const factor = new PartialFactor(h.diagonal, most);
  while (!factor.isDone) {
    const pivots = largestOf(factor.left, BATCH);
    factor.addBatch(pivots, await h.columns(pivots));
  }
  return factor.result();
}

class PartialFactor {
  isDone: boolean;
  /** What the columns found so far leave of the diagonal. */
  readonly left: Float64Array;
  private readonly floor: Float64Array;
  private readonly found: Float32Array[] = [];
  private trace = 0;

  constructor(
    diagonal: Float32Array,
    private readonly most: number,
  ) {
    this.isDone = most === 0;
    this.left = new Float64Array(diagonal);
    this.floor = this.left.map((value) => FLOOR * value);
    for (let i = 0; i < diagonal.length; i++) this.trace += diagonal[i]!;
  }

  /** Takes columns of H, the one with the largest remainder first, while they are worth it. */
  addBatch(pivots: readonly number[], columns: Float32Array): void {
    const { left, found } = this;
    const n = left.length;
    for (let taken = 0; !this.isDone; taken++) {
      const k = argMax(pivots.map((pivot) => left[pivot]!));
      const pivot = pivots[k]!;
      if (taken > 0 && PREFERRED * left[pivot]! < left[argMax(left)]!) return;
      this.isDone = !this.add(pivot, columns.subarray(k * n, (k + 1) * n)) || found.length === this.most;
    }
  }

  result(): LowRank {
    const { found, left, floor } = this;
    const rank = found.length;
    const columns = new Float32Array(left.length * rank);
    for (const [k, own] of found.entries())
      for (let i = 0; i < own.length; i++) columns[i * rank + k] = own[i]!;
    const diagonal = new Float32Array(left.map((value, i) => Math.max(value, floor[i]!)));
    return { columns, rank, diagonal };
  }

  /** Returns whether the column was worth it. */
  private add(pivot: number, column: Float32Array): boolean {
    const { left } = this;
    if (!(left[pivot]! > this.floor[pivot]!)) return false;
    const own = this.remainderOf(column, pivot);
    const captured = dot(own, own);
    if (captured < (WORTHWHILE * this.trace) / left.length) return false;
    for (let i = 0; i < left.length; i++) left[i]! -= own[i]! ** 2;
    this.trace -= captured;
    this.found.push(own);
    return true;
  }

  /** What the columns found so far leave of a column of H, divided by the root of its diagonal. */
  private remainderOf(column: Float32Array, pivot: number): Float32Array {
    const own = new Float64Array(column);
    for (const other of this.found) {
      const factor = other[pivot]!;
      for (let i = 0; i < own.length; i++) own[i]! -= factor * other[i]!;
    }
    const root = Math.sqrt(this.left[pivot]!);
    for (let i = 0; i < own.length; i++) own[i]! /= root;
    return new Float32Array(own);
  }
}

function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** Where the `count` largest values are. */
function largestOf(values: Float64Array, count: number): number[] {
  const largest: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (largest.length === count && values[i]! <= values[largest[count - 1]!]!) continue;
    let at = largest.length;
    while (at > 0 && values[largest[at - 1]!]! < values[i]!) at--;
    largest.splice(at, 0, i);
    if (largest.length > count) largest.pop();
  }
  return largest;
}
