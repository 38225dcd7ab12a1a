/**
 * Rounding a weight matrix to codes so that its outputs change least: for each row ŵ = scale · code, the loss is
 * (ŵ - w)ᵀ H (ŵ - w) with H = E[x xᵀ] of the inputs. Scales are searched, errors are compensated feature after feature
 * (error-compensation.ts), and codes are polished one by one (coordinate-descent.ts).
 */
import { type CodedErrors, descend, lossOf } from "./coordinate-descent.js";
import { ErrorCompensation, TILE } from "./error-compensation.js";
import { beginRow, type CodeLimits, nearestCode, promisingScales, type RoundingRow, widestScale } from "./rounding-grid.js";

export interface RoundingProblem {
  /** [rows, size], row-major. */
  readonly weights: Float32Array;
  readonly size: number;
  /** Full symmetric [size, size], with a ridge; without it all features weigh the same and none makes up for another. */
  readonly h: Float64Array | undefined;
  readonly limits: CodeLimits;
}

export interface RoundedRows {
  /** [rows, size] */
  readonly codes: Int8Array;
  /** One for each row; 1 for a row of zeros. */
  readonly scales: Float32Array;
  /** Σ of the rows' losses, and what it is when each weight takes the code nearest to it at the widest scale. */
  readonly loss: number;
  readonly nearestLoss: number;
}

/** Multiplications that trying more scales in full may cost a matrix; about two seconds. */
const TRIAL_BUDGET = 2e9;
const MOST_TRIALS = 8;

export function roundRows({ weights, size, h, limits }: RoundingProblem): RoundedRows {
  const rows = weights.length / size;
  const result = { codes: new Int8Array(weights.length), scales: new Float32Array(rows).fill(1), loss: 0, nearestLoss: 0 };
  const rounder = h ? new GramRounder(h, size, limits, rows) : new PlainRounder(limits);
  for (let first = 0; first < rows; first += TILE) {
    const tile: { row: number; weights: Float64Array }[] = [];
    for (let row = first; row < Math.min(rows, first + TILE); row++) {
      const own = Float64Array.from(weights.subarray(row * size, (row + 1) * size));
      // Subnormal scales lose the precision that codes need; such a row stays as quantization would have it.
      if (widestScale(own, limits) >= 2 ** -126) tile.push({ row, weights: own });
    }
    if (tile.length === 0) continue;
    rounder.round(tile.map((entry) => entry.weights)).forEach(({ best, nearestLoss }, k) => {
      const { row } = tile[k]!;
      result.codes.set(best.row.codes, row * size);
      result.scales[row] = best.row.scale;
      result.loss += best.loss;
      result.nearestLoss += nearestLoss;
    });
  }
  return result;
}

interface Attempt { readonly row: RoundingRow; readonly loss: number }
interface Rounded { readonly best: Attempt; readonly nearestLoss: number }

/** Without H: the scale of least squared error. */
class PlainRounder {
  constructor(private readonly limits: CodeLimits) {}

  round(rows: readonly Float64Array[]): Rounded[] {
    return rows.map((weights) => {
      const nearest = this.attempt(weights, widestScale(weights, this.limits));
      const [scale] = promisingScales(weights, new Float64Array(weights.length).fill(1), this.limits, 1);
      return { best: better(nearest, this.attempt(weights, scale!)), nearestLoss: nearest.loss };
    });
  }

  private attempt(weights: Float64Array, scale: number): Attempt {
    const row = roundToNearest(weights, scale, this.limits);
    let loss = 0;
    for (let j = 0; j < weights.length; j++) loss += (row.codes[j]! * scale - weights[j]!) ** 2;
    return { row, loss };
  }
}

class GramRounder {
  private readonly compensation: ErrorCompensation | undefined;
  private readonly diagonal: Float64Array;
  private readonly trials: number;

  constructor(private readonly h: Float64Array, private readonly size: number, private readonly limits: CodeLimits, rows: number) {
    this.compensation = ErrorCompensation.of(h, size);
    this.diagonal = Float64Array.from({ length: size }, (_, j) => h[j * size + j]!);
    this.trials = Math.max(1, Math.min(MOST_TRIALS, Math.floor(TRIAL_BUDGET / (2 * rows * size * size))));
  }

  round(tile: readonly Float64Array[]): Rounded[] {
    const nearest = this.measure(tile.map((weights) => roundToNearest(weights, widestScale(weights, this.limits), this.limits)));
    const nearestLosses = nearest.map(lossOf);
    let best = this.polished(nearest);
    const scales = tile.map((weights) => promisingScales(weights, this.diagonal, this.limits, this.trials));
    for (let trial = 0; trial < this.trials; trial++) {
      const rows = tile.map((weights, r) => beginRow(weights, scales[r]![trial]!, this.limits));
      this.chooseCodes(rows);
      best = this.polished(this.measure(rows)).map((attempt, r) => better(best[r]!, attempt));
    }
    if (this.trials > 1) best = this.polished(this.measure(best.map(({ row }) => this.rescaled(row)))).map((attempt, r) => better(best[r]!, attempt));
    return best.map((attempt, r) => ({ best: attempt, nearestLoss: nearestLosses[r]! }));
  }

  private chooseCodes(rows: readonly RoundingRow[]): void {
    if (this.compensation) this.compensation.round(rows, this.limits);
    else for (const row of rows) chooseNearest(row, this.limits);
  }

  private polished(coded: readonly CodedErrors[]): Attempt[] {
    return coded.map((entry) => {
      descend(entry, this.h, this.limits);
      return { row: entry.row, loss: lossOf(entry) };
    });
  }

  /** The same codes at their best scale, qᵀ H w / qᵀ H q. */
  private rescaled(row: RoundingRow): RoundingRow {
    const [{ gradient }] = this.products([Float64Array.from(row.codes)]) as [{ gradient: Float64Array }];
    let [along, norm] = [0, 0];
    for (let j = 0; j < this.size; j++) {
      along += gradient[j]! * row.weights[j]!;
      norm += gradient[j]! * row.codes[j]!;
    }
    const scale = Math.fround(along / norm);
    return { ...row, codes: row.codes.slice(), scale: scale >= 2 ** -126 && Number.isFinite(scale) ? scale : row.scale };
  }

  private measure(rows: readonly RoundingRow[]): CodedErrors[] {
    const errors = rows.map(({ codes, scale, weights }) => Float64Array.from(codes, (code, j) => code * scale - weights[j]!));
    return this.products(errors).map(({ gradient }, r) => ({ row: rows[r]!, error: errors[r]!, gradient }));
  }

  /** H v of up to TILE vectors. */
  private products(vectors: readonly Float64Array[]): { gradient: Float64Array }[] {
    const { h, size } = this;
    const none = new Float64Array(vectors.length < TILE ? size : 0);
    const [a, b = none, c = none, d = none] = vectors as [Float64Array, ...Float64Array[]];
    const results = Array.from({ length: TILE }, () => new Float64Array(size));
    const [ra, rb, rc, rd] = results as [Float64Array, Float64Array, Float64Array, Float64Array];
    for (let i = 0, at = 0; i < size; i++) {
      let [sa, sb, sc, sd] = [0, 0, 0, 0];
      for (let k = 0; k < size; k++, at++) {
        const x = h[at]!;
        sa += x * a[k]!;
        sb += x * b[k]!;
        sc += x * c[k]!;
        sd += x * d[k]!;
      }
      ra[i] = sa;
      rb[i] = sb;
      rc[i] = sc;
      rd[i] = sd;
    }
    return vectors.map((_, r) => ({ gradient: results[r]! }));
  }
}

function better(a: Attempt, b: Attempt): Attempt {
  return b.loss < a.loss ? b : a;
}

function roundToNearest(weights: Float64Array, scale: number, limits: CodeLimits): RoundingRow {
  const row = beginRow(weights, scale, limits);
  chooseNearest(row, limits);
  return row;
}

function chooseNearest(row: RoundingRow, limits: CodeLimits): void {
  for (let j = 0; j < row.weights.length; j++) if (row.fixed[j] === 0) row.codes[j] = nearestCode(row, limits, j, row.weights[j]!);
}
