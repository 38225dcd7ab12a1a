/**
 * Weights of one output that are refit when some of them are forced to zero: given H = E[x xᵀ] + λI over the
 * layer's inputs, the support S of the weights that stay and t = H w of the weights before,
 *
 *   ŵ_S = argmin (ŵ - w)ᵀ H (ŵ - w) = H_SS⁻¹ t_S          (AdaPrune, Hubara et al. 2021; OBC, Frantar &
 *   Alistarh 2022)
 *
 * The loss of removing one more of them, everything else refit, is ŵ_j² / [H_SS⁻¹]_jj (Hassibi & Stork
 * 1993). For many rows of many features see src/solver.
 */
import { cholesky, inverseDiagonal, solveFactored } from "./linear-algebra.js";

/** Solves row after row against one H, reusing its memory. */
export class SupportSolver {
  private gathered = new Float64Array(0);
  private readonly solution: Float64Array;
  private readonly diagonal: Float64Array;

  /** @param h full symmetric [size, size] */
  constructor(
    private readonly h: Float64Array,
    private readonly size: number,
  ) {
    this.solution = new Float64Array(size);
    this.diagonal = new Float64Array(size);
  }

  /**
   * ŵ_S for the features `support`, ascending. The answer is a view that the next call overwrites.
   * @param weights w, [size]
   */
  refit(support: Int32Array, weights: ArrayLike<number>): Float64Array {
    const n = support.length;
    const x = this.solution.subarray(0, n);
    const matrix = gather(this.h, this.size, support, this.room(n));
    solveDirectly(matrix, this.targetOf(support, weights), x);
    return x;
  }

  /** ŵ_S, and the loss of removing each of S next. Both are views that the next call overwrites. */
  refitWithLosses(
    support: Int32Array,
    original: ArrayLike<number>,
  ): { weights: Float64Array; losses: Float64Array } {
    const n = support.length;
    const weights = this.solution.subarray(0, n);
    const losses = this.diagonal.subarray(0, n);
    const matrix = gather(this.h, this.size, support, this.room(n));
    solveDirectly(matrix, this.targetOf(support, original), weights);
    inverseDiagonal(matrix, n, losses);
    for (let i = 0; i < n; i++) losses[i] = weights[i]! ** 2 / losses[i]!;
    return { weights, losses };
  }

  /** (H w)_S */
  private targetOf(support: Int32Array, weights: ArrayLike<number>): Float64Array {
    const { h, size } = this;
    return Float64Array.from(support, (column) => {
      let sum = 0;
      for (let j = 0, at = column * size; j < size; j++) sum += h[at + j]! * weights[j]!;
      return sum;
    });
  }

  private room(n: number): Float64Array {
    if (this.gathered.length < n * n) this.gathered = new Float64Array(n * n);
    return this.gathered;
  }
}

/** The lower triangle of `a` [size, size] at the rows and columns `chosen`. */
function gather(a: Float64Array, size: number, chosen: Int32Array, room: Float64Array): Float64Array {
  const n = chosen.length;
  for (let i = 0; i < n; i++) {
    const from = chosen[i]! * size;
    for (let j = 0, to = i * n; j <= i; j++) room[to + j] = a[from + chosen[j]!]!;
  }
  return room;
}

/** Solves in place of the lower triangle of `matrix`; `x` may be `target`. */
function solveDirectly(matrix: Float64Array, target: Float64Array, x: Float64Array): void {
  const n = x.length;
  x.set(target);
  if (!cholesky(matrix, n)) throw new RangeError("the matrix of second moments is not positive definite");
  solveFactored(matrix, n, x);
}

/** E[x xᵀ] of the inputs, with what a fit against it needs. */
export interface InputMoments {
  readonly size: number;
  /** Second moments, or covariances when a bias takes up the mean; [size, size]. */
  readonly matrix: Float64Array;
  readonly mean: Float64Array;
  /** What rounding may have left on the diagonal of `matrix`; 0 when absent. */
  readonly rounding?: number;
  /** How many inputs were measured, if known. */
  readonly rows?: number;
}

/**
 * Second moments are summed from float32 products, so a difference of them is known to about this share of
 * them.
 */
const ROUNDING_SHARE = 2 ** -20;

/**
 * The covariance E[x xᵀ] - μ μᵀ: what is left of the loss when the bias is refit as well, b̂ = b + (w - ŵ)
 * μ.
 */
export function centred({ size, matrix, mean }: InputMoments): InputMoments {
  const covariance = new Float64Array(size * size);
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) covariance[i * size + j] = matrix[i * size + j]! - mean[i]! * mean[j]!;
  let trace = 0;
  for (let i = 0; i < size; i++) trace += matrix[i * size + i]!;
  return { size, matrix: covariance, mean, rounding: (ROUNDING_SHARE * trace) / size };
}

/**
 * H = M + λ · mean(diag M) · I, which keeps features that were rarely seen from taking any value. A copy, or
 * undefined when the inputs never varied and there is nothing to fit to.
 */
export function withRidge(moments: InputMoments, lambda: number): Float64Array | undefined {
  const { size, matrix } = moments;
  const ridge = ridgeOf(moments, lambda);
  if (ridge === undefined) return undefined;
  const h = matrix.slice();
  for (let i = 0; i < size; i++) h[i * size + i]! += ridge;
  return h;
}

function ridgeOf({ size, matrix, rounding = 0 }: InputMoments, lambda: number): number | undefined {
  let trace = 0;
  for (let i = 0; i < size; i++) trace += matrix[i * size + i]!;
  const ridge = (lambda * trace) / size + rounding;
  return !(trace / size > rounding) || !(ridge > 0) || !Number.isFinite(ridge) ? undefined : ridge;
}
