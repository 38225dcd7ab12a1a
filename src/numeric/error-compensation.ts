/**
 * Rounds weights one after another; after each, adjusts the weights not yet rounded to compensate the error
 * (GPTQ, Frantar et al. 2022). GPTQ updates weights with the Cholesky factor of H⁻¹; the same codes come from
 * that of H itself, H = L Lᵀ, without an inverse (Babai's nearest plane; Chen et al., "The geometry of LLM
 * quantization", 2025): the loss is |Lᵀ e|², whose last term holds the last error alone, so, going backwards,
 * each code is chosen to bring its own term nearest to zero. Features with a large diagonal are rounded first,
 * while most others can still compensate.
 */
import { cholesky } from "./linear-algebra.js";
import { type CodeLimits, nearestCode, type RoundingRow } from "./rounding-grid.js";
import { TILE } from "./row-products.js";

export class ErrorCompensation {
  private constructor(
    private readonly n: number,
    /** Feature at each position of the factor; the last position is rounded first. */
    private readonly order: Int32Array,
    /** Lᵀ, row-major: rounding weight j needs row j from its diagonal on. */
    private readonly factor: Float64Array,
  ) {}

  /** @param h full symmetric [n, n]; not changed. Undefined if it is not positive definite. */
  static of(h: Float64Array, n: number): ErrorCompensation | undefined {
    const factor = new Float64Array(n * n);
    const order = orderByDiagonal(h, n, factor);
    if (!cholesky(factor, n)) return undefined;
    transposeLower(factor, n);
    return new ErrorCompensation(n, order, factor);
  }

  /**
   * Chooses the codes of up to TILE rows that are not fixed. Returns H e for each, the gradient of its loss:
   * the terms Lᵀ e are already computed, and L times them costs half of a product with H.
   */
  round(rows: readonly RoundingRow[], limits: CodeLimits): Float64Array[] {
    const { n, order, factor } = this;
    // Missing rows of a tile count as rows without errors.
    const [errors, terms] = [tileOf(n), tileOf(n)];
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
        terms[r]![i] = sums[r]! + diagonal * errors[r]![i]!;
      }
    }
    return multiplyLower(factor, n, terms)
      .slice(0, rows.length)
      .map((product) => inOrder(product, order));
  }

  /** eᵀ H e for the errors of up to TILE rows with codes. */
  losses(rows: readonly RoundingRow[]): number[] {
    const { n, order, factor } = this;
    const errors = tileOf(n);
    rows.forEach(({ codes, scale, weights }, r) => {
      for (let i = 0; i < n; i++) errors[r]![i] = codes[order[i]!]! * scale - weights[order[i]!]!;
    });
    return multiplyUpper(factor, n, errors)
      .slice(0, rows.length)
      .map((terms) => terms.reduce((sum, term) => sum + term * term, 0));
  }
}

function tileOf(n: number): Float64Array[] {
  return Array.from({ length: TILE }, () => new Float64Array(n));
}

/** The values, reordered by feature. */
function inOrder(values: Float64Array, order: Int32Array): Float64Array {
  const ordered = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) ordered[order[i]!] = values[i]!;
  return ordered;
}

/** L v for each of TILE vectors, from row-major Lᵀ, two rows at a time. */
function multiplyLower(factor: Float64Array, n: number, vectors: readonly Float64Array[]): Float64Array[] {
  const results = tileOf(n);
  const [a, b, c, d] = results as [Float64Array, Float64Array, Float64Array, Float64Array];
  const [va, vb, vc, vd] = vectors as [Float64Array, Float64Array, Float64Array, Float64Array];
  for (let i = 0; i < n; i += 2) {
    const [first, second] = [i * n, (i + 1) * n];
    const [a0, b0, c0, d0] = [va[i]!, vb[i]!, vc[i]!, vd[i]!];
    const x0 = factor[first + i]!;
    a[i]! += a0 * x0;
    b[i]! += b0 * x0;
    c[i]! += c0 * x0;
    d[i]! += d0 * x0;
    if (i + 1 === n) break;
    const [a1, b1, c1, d1] = [va[i + 1]!, vb[i + 1]!, vc[i + 1]!, vd[i + 1]!];
    for (let k = i + 1; k < n; k++) {
      const x = factor[first + k]!;
      const y = factor[second + k]!;
      a[k]! += a0 * x + a1 * y;
      b[k]! += b0 * x + b1 * y;
      c[k]! += c0 * x + c1 * y;
      d[k]! += d0 * x + d1 * y;
    }
  }
  return results;
}

/** Lᵀ v for each of TILE vectors, from row-major Lᵀ, two rows at a time. */
function multiplyUpper(factor: Float64Array, n: number, vectors: readonly Float64Array[]): Float64Array[] {
  const results = tileOf(n);
  const [va, vb, vc, vd] = vectors as [Float64Array, Float64Array, Float64Array, Float64Array];
  const [ra, rb, rc, rd] = results as [Float64Array, Float64Array, Float64Array, Float64Array];
  for (let i = 0; i < n; i += 2) {
    // With an odd number of rows, the last one has no partner.
    const j = Math.min(i + 1, n - 1);
    const [first, second] = [i * n, j * n];
    const diagonal = factor[first + i]!;
    let s0 = diagonal * va[i]!;
    let s1 = diagonal * vb[i]!;
    let s2 = diagonal * vc[i]!;
    let s3 = diagonal * vd[i]!;
    let t0 = 0;
    let t1 = 0;
    let t2 = 0;
    let t3 = 0;
    for (let k = i + 1; k < n; k++) {
      const x = factor[first + k]!;
      const y = factor[second + k]!;
      const a = va[k]!;
      const b = vb[k]!;
      const c = vc[k]!;
      const d = vd[k]!;
      s0 += x * a;
      s1 += x * b;
      s2 += x * c;
      s3 += x * d;
      t0 += y * a;
      t1 += y * b;
      t2 += y * c;
      t3 += y * d;
    }
    if (j > i) [ra[j], rb[j], rc[j], rd[j]] = [t0, t1, t2, t3];
    ra[i] = s0;
    rb[i] = s1;
    rc[i] = s2;
    rd[i] = s3;
  }
  return results;
}

/** sums[r] = Σ over k from `from` to n of a[at + k] · errors[r][k]. */
function addProducts(
  a: Float64Array,
  at: number,
  from: number,
  n: number,
  errors: readonly Float64Array[],
  sums: Float64Array,
): void {
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

/** Block size for swapping rows and columns, so that both sides stay in the cache. */
const BLOCK = 32;

/** Moves the lower triangle of `a` [n, n] to the upper one. */
function transposeLower(a: Float64Array, n: number): void {
  for (let top = 0; top < n; top += BLOCK) {
    for (let left = 0; left <= top; left += BLOCK) {
      for (let i = top; i < Math.min(n, top + BLOCK); i++)
        for (let j = left; j < Math.min(i, left + BLOCK); j++) a[j * n + i] = a[i * n + j]!;
    }
  }
}

/** The features in ascending order of their diagonal; of equal ones, the last first. */
export function orderedFeatures(diagonal: ArrayLike<number>): Int32Array {
  return Int32Array.from(diagonal, (_, j) => j).sort((a, b) => diagonal[a]! - diagonal[b]! || b - a);
}

/** Fills `ordered` with the lower triangle of H, its features in ascending order of their diagonal; returns that. */
export function orderByDiagonal<T extends Float32Array | Float64Array>(
  h: Float32Array | Float64Array,
  n: number,
  ordered: T,
): Int32Array {
  const order = orderedFeatures(Float64Array.from({ length: n }, (_, j) => h[j * n + j]!));
  for (let i = 0; i < n; i++)
    for (let j = 0, from = order[i]! * n; j <= i; j++) ordered[i * n + j] = h[from + order[j]!]!;
  return order;
}
