/**
 * Brings the systems H_SS of many rows, each with a support S of its own, near the identity: with H ≈ Δ + V Vᵀ
 * (low-rank.ts) and G = I + V_Sᵀ Δ_S⁻¹ V_S, which is small, a row's r becomes
 *
 *   Δ_S⁻¹ r - Δ_S⁻¹ V_S G⁻¹ V_Sᵀ Δ_S⁻¹ r          (Woodbury)
 *
 * All rows together are a few thin products.
 */
import { cholesky, solveFactored } from "../numeric/linear-algebra.js";
import { type Approximated, type LowRank, lowRankOf } from "./low-rank.js";
import { type Matrix, type MatrixEngine, matrixOf } from "./matrix.js";

/** More columns save steps, but G costs their number squared for each weight. */
const MAX_RANK = 64;
/** Features for each column of V. */
const FEATURES = 8;

/** Of one H, for the rows of any slab. */
export class Preconditioner {
  /** Δ⁻¹ */
  readonly inverse: Float32Array;
  /** V Δ⁻¹ [size, rank]. */
  private readonly weighted: Matrix<Float32Array>;
  /** Products of the columns of V, two by two, over Δ: [size, pairs]. */
  private readonly pairs: Matrix<Float32Array>;

  static async of(engine: MatrixEngine, h: Approximated): Promise<Preconditioner> {
    const most = Math.max(1, Math.min(MAX_RANK, Math.floor(h.size / FEATURES)));
    return new Preconditioner(engine, await lowRankOf(h, most));
  }

  private constructor(
    private readonly engine: MatrixEngine,
    private readonly lowRank: LowRank,
  ) {
    const { columns, diagonal, rank } = lowRank;
    const n = diagonal.length;
    this.inverse = diagonal.map((value) => 1 / value);
    this.weighted = matrixOf(n, rank, new Float32Array(columns.length));
    for (let i = 0, at = 0; i < n; i++)
      for (let a = 0; a < rank; a++, at++) this.weighted.data[at] = columns[at]! * this.inverse[i]!;
    this.pairs = pairsOf(lowRank, this.weighted.data, n);
  }

  /**
   * What to subtract from Δ⁻¹ r where a weight is in its row's support; undefined if nothing.
   * @param alive 1 where it is, [rows, size]
   */
  async on(
    alive: Matrix<Float32Array>,
  ): Promise<(residuals: Matrix<Float32Array>) => Promise<Float32Array | undefined>> {
    const { rank } = this.lowRank;
    if (rank === 0) return () => Promise.resolve(undefined);
    const factors = factorsOf(await this.engine.multiply(alive, this.pairs), rank);
    return (residuals) => this.correction(residuals, factors);
  }

  private async correction(
    residuals: Matrix<Float32Array>,
    factors: readonly Float64Array[],
  ): Promise<Float32Array> {
    const { rank } = this.lowRank;
    const small = await this.engine.multiply(residuals, this.weighted);
    factors.forEach((factor, row) => {
      const own = Float64Array.from(small.data.subarray(row * rank, (row + 1) * rank));
      solveFactored(factor, rank, own);
      small.data.set(own, row * rank);
    });
    return (await this.engine.multiply(small, this.weighted, true)).data;
  }
}

function pairsOf({ columns, rank }: LowRank, weighted: Float32Array, n: number): Matrix<Float32Array> {
  const count = (rank * (rank + 1)) / 2;
  const pairs = new Float32Array(n * count);
  for (let i = 0, to = 0; i < n; i++)
    for (let a = 0; a < rank; a++)
      for (let b = 0; b <= a; b++, to++) pairs[to] = columns[i * rank + a]! * weighted[i * rank + b]!;
  return matrixOf(n, count, pairs);
}

/** The Cholesky factors of I + G, row by row, of lower triangles one after the other. */
function factorsOf({ rows, columns, data }: Matrix<Float32Array>, rank: number): Float64Array[] {
  return Array.from({ length: rows }, (_, row) => {
    const matrix = new Float64Array(rank * rank);
    for (let a = 0, from = row * columns; a < rank; a++) {
      for (let b = 0; b <= a; b++, from++) matrix[a * rank + b] = data[from]!;
      matrix[a * rank + a]! += 1;
    }
    if (!cholesky(matrix, rank)) throw new RangeError("a preconditioner is not positive definite");
    return matrix;
  });
}
