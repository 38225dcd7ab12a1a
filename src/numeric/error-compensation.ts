/**
 * Rounding weights one after the other, each time moving those that are still free so that they make up for the error
 * (GPTQ, Frantar et al. 2022). GPTQ updates weights with the Cholesky factor of H⁻¹; the same codes come from that of
 * H itself, H = L Lᵀ, without an inverse (Babai's nearest plane; Chen et al., "The geometry of LLM quantization", 2025):
 * the loss is |Lᵀ e|², whose last term holds the last error alone, so going backwards each code is chosen to bring its
 * own term nearest to zero. Features of large diagonal are rounded first, while most others can still make up for it.
 */
import { cholesky } from "./linear-algebra.js";
import { type CodeLimits, nearestCode, type RoundingRow } from "./rounding-grid.js";
import { TILE } from "./row-products.js";

export class ErrorCompensation {
  private constructor(
    private readonly n: number,
    /** Feature at each place of the factor: the last place is rounded first. */
    private readonly order: Int32Array,
    /** Lᵀ, row-major: rounding weight j needs row j from its diagonal on. */
    private readonly factor: Float64Array,
  ) {}

  /** @param h full symmetric [n, n]; kept as it is. Undefined when it is not positive definite. */
  static of(h: Float64Array, n: number): ErrorCompensation | undefined {
    const order = Int32Array.from({ length: n }, (_, j) => j).sort((a, b) => h[a * n + a]! - h[b * n + b]! || b - a);
    const factor = new Float64Array(n * n);
    for (let i = 0; i < n; i++) for (let j = 0, from = order[i]! * n; j <= i; j++) factor[i * n + j] = h[from + order[j]!]!;
    if (!cholesky(factor, n)) return undefined;
    transposeLower(factor, n);
    return new ErrorCompensation(n, order, factor);
  }

  /** Chooses the codes of up to TILE rows that are not fixed. */
  round(rows: readonly RoundingRow[], limits: CodeLimits): void {
    const { n, order, factor } = this;
    // Rows that are missing from a tile are rows without errors.
    const errors = Array.from({ length: TILE }, () => new Float64Array(n));
    const sums = new Float64Array(TILE);
    for (let i = n - 1; i >= 0; i--) {
      const j = order[i]!;
      addProducts(factor, i * n, i + 1, n, errors, sums);
      const diagonal = factor[i * n + i]!;
      for (let r = 0; r < rows.length; r++) {
        const row = rows[r]!;
        const weight = row.weights[j]!;
        if (row.fixed[j] === 0) row.codes[j] = nearestCode(row, limits, j, weight - sums[r]! / diagonal);
        errors[r]![i] = row.codes[j]! * row.scale - weight;
      }
    }
  }
}

/** sums[r] = Σ over k from `from` to n of a[at + k] · errors[r][k]. */
function addProducts(a: Float64Array, at: number, from: number, n: number, errors: readonly Float64Array[], sums: Float64Array): void {
  const [e0, e1, e2, e3] = errors as [Float64Array, Float64Array, Float64Array, Float64Array];
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let k = from; k < n; k++) {
    const x = a[at + k]!;
    s0 += x * e0[k]!;
    s1 += x * e1[k]!;
    s2 += x * e2[k]!;
    s3 += x * e3[k]!;
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
}

/** Rows and columns that are swapped at a time: both sides stay in the cache. */
const BLOCK = 32;

/** Moves the lower triangle of `a` [n, n] to the upper one. */
function transposeLower(a: Float64Array, n: number): void {
  for (let top = 0; top < n; top += BLOCK) {
    for (let left = 0; left <= top; left += BLOCK) {
      for (let i = top; i < Math.min(n, top + BLOCK); i++) for (let j = left; j < Math.min(i, left + BLOCK); j++) a[j * n + i] = a[i * n + j]!;
    }
  }
}
