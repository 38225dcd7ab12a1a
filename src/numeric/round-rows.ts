/**
 * Rounds a weight matrix to codes so that its outputs change least: for each row ŵ = scale · code, the loss is
 * (ŵ - w)ᵀ H (ŵ - w) with H = E[x xᵀ] of the inputs. Scales are searched, errors are compensated feature by
 * feature (error-compensation.ts), and codes are improved one by one (coordinate-descent.ts).
 */
import { type CodedErrors, descend, errorOf, errorsOf, lossOf } from "./coordinate-descent.js";
import { ErrorCompensation } from "./error-compensation.js";
import {
  beginRow,
  clippingScale,
  type CodeLimits,
  nearestCode,
  type RoundingRow,
  widestScale,
} from "./rounding-grid.js";
import { multiplyRows, TILE } from "./row-products.js";

export interface RoundingProblem {
  /** [rows, size], row-major. */
  readonly weights: Float32Array;
  readonly size: number;
  /**
   * Full symmetric [size, size], with a ridge; without it, all features have the same weight and errors are not
   * compensated.
   */
  readonly h: Float64Array | undefined;
  readonly limits: CodeLimits;
}

interface RoundedRows {
  /** [rows, size] */
  readonly codes: Int8Array;
  /**
   * One per row; 0 for a row that needs no codes or cannot have any: all zeros, already on such a grid, or too
   * small.
   */
  readonly scales: Float32Array;
  /** The sum of the rows' losses, and the same for rounding each weight to the nearest code at the widest scale. */
  readonly loss: number;
  readonly nearestLoss: number;
}

/** Most multiplications per matrix for trying more scales in full; about half a second. */
const TRIAL_BUDGET = 5e8;
/**
 * Factors on the best scale for rounding to the nearest code: with error compensation, other scales are better.
 * The best factor is similar for all rows, so that a few rows can choose it if trying all is too expensive.
 */
const FACTORS: readonly number[] = [1, 1.04, 0.97, 1.08, 0.94, 1.12, 0.91, 1.18];
/** For seven and eight bits: with many codes, clipping gains little, and the widest scale is usually the best. */
const FINE_FACTORS: readonly number[] = [1, 0.995, 0.99, 0.98, 0.97];
const FINE = 63;
const PILOT_ROWS = 8;
/** Subnormal scales are too imprecise for codes. */
const SMALLEST_SCALE = 2 ** -126;

function roundRows({ weights, size, h, limits }: RoundingProblem): RoundedRows {
  const rows = weights.length / size;
  const result = {
    codes: new Int8Array(weights.length),
    scales: new Float32Array(rows),
    loss: 0,
    nearestLoss: 0,
  };
  const rounder = h ? new GramRounder(h, size, limits, weights) : new PlainRounder(limits);
  for (let first = 0; first < rows; first += TILE) {
    const tile: { row: number; weights: Float64Array }[] = [];
    for (let row = first; row < Math.min(rows, first + TILE); row++) {
      const own = Float64Array.from(weights.subarray(row * size, (row + 1) * size));
      const widest = widestScale(own, limits);
      if (widest >= SMALLEST_SCALE && Number.isFinite(widest) && !liesOnGrid(own, widest))
        tile.push({ row, weights: own });
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

/** Consecutive groups of rows, each with its own H. */
export interface RoundingGroups extends Omit<RoundingProblem, "h"> {
  readonly h: readonly (Float64Array | undefined)[];
}

export interface RoundedWeights {
  /** [rows, size]; rows that need no codes or cannot have any are unchanged. */
  readonly weights: Float32Array;
  /** Sums over all groups; see RoundedRows. */
  readonly loss: number;
  readonly nearestLoss: number;
}

/** Rounds each group separately, and converts codes back to weights. */
export function roundGroups({ weights: before, size, h, limits }: RoundingGroups): RoundedWeights {
  const weights = before.slice();
  const sums = { loss: 0, nearestLoss: 0 };
  h.forEach((own, g) => {
    const [begin, end] = [(g * before.length) / h.length, ((g + 1) * before.length) / h.length];
    const { codes, scales, loss, nearestLoss } = roundRows({
      weights: before.subarray(begin, end),
      size,
      h: own,
      limits,
    });
    for (let i = begin; i < end; i++) {
      const scale = scales[Math.floor((i - begin) / size)]!;
      if (scale > 0) weights[i] = codes[i - begin]! * scale;
    }
    sums.loss += loss;
    sums.nearestLoss += nearestLoss;
  });
  return { weights, ...sums };
}

/** Float32 represents a code with an error of up to 1.5e-5. */
const ON_GRID = 1e-4;

function liesOnGrid(weights: Float64Array, scale: number): boolean {
  return weights.every((w) => Math.abs(w / scale - Math.round(w / scale)) < ON_GRID);
}

interface Attempt {
  readonly row: RoundingRow;
  readonly loss: number;
  /** Absent if only the loss was requested. */
  readonly errors?: CodedErrors;
}
interface Rounded {
  readonly best: Attempt;
  readonly nearestLoss: number;
}

/** Without H: the scale of least squared error. */
class PlainRounder {
  constructor(private readonly limits: CodeLimits) {}

  round(rows: readonly Float64Array[]): Rounded[] {
    return rows.map((weights) => {
      const nearest = this.attempt(weights, widestScale(weights, this.limits));
      const clipped = this.attempt(
        weights,
        clippingScale(weights, new Float64Array(weights.length).fill(1), this.limits),
      );
      return { best: clipped.loss < nearest.loss ? clipped : nearest, nearestLoss: nearest.loss };
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
  private readonly factors: readonly number[];

  constructor(
    private readonly h: Float64Array,
    private readonly size: number,
    private readonly limits: CodeLimits,
    weights: Float32Array,
  ) {
    this.compensation = ErrorCompensation.of(h, size);
    this.diagonal = Float64Array.from({ length: size }, (_, j) => h[j * size + j]!);
    const trials = Math.max(1, Math.floor(TRIAL_BUDGET / (2 * weights.length * size)));
    const factors = limits.maxCode >= FINE ? FINE_FACTORS : FACTORS;
    this.factors = trials >= factors.length ? factors : this.bestFactors(factors, weights).slice(0, trials);
  }

  round(tile: readonly Float64Array[]): Rounded[] {
    const nearest = this.nearest(tile);
    // Descent from the nearest codes converges slowly, so it is another start only if one more is affordable.
    let best =
      this.factors.length > 1
        ? this.polished(nearest.map(({ row, errors }) => errors ?? errorsOf([row], this.h)[0]!))
        : nearest;
    const clipping = this.clippingScales(tile);
    for (const factor of this.factors) best = this.improved(best, this.coded(tile, clipping, factor));
    return this.improved(best, this.rescaled(best)).map((attempt, r) => ({
      best: attempt,
      nearestLoss: nearest[r]!.loss,
    }));
  }

  /** If codes will not be improved further, only their losses are computed, at half the cost of gradients. */
  private nearest(tile: readonly Float64Array[]): Attempt[] {
    const rows = tile.map((weights) =>
      roundToNearest(weights, widestScale(weights, this.limits), this.limits),
    );
    const losses = this.factors.length > 1 ? undefined : this.compensation?.losses(rows);
    if (losses) return rows.map((row, r) => ({ row, loss: losses[r]! }));
    return errorsOf(rows, this.h).map((errors) => ({ row: errors.row, loss: lossOf(errors), errors }));
  }

  private clippingScales(tile: readonly Float64Array[]): number[] {
    return tile.map((weights) => clippingScale(weights, this.diagonal, this.limits));
  }

  private coded(tile: readonly Float64Array[], clipping: readonly number[], factor: number): CodedErrors[] {
    const rows = tile.map((weights, r) => {
      const scale = Math.fround(factor * clipping[r]!);
      return beginRow(weights, Math.min(scale, widestScale(weights, this.limits)), this.limits);
    });
    const gradients = this.compensation?.round(rows, this.limits);
    if (gradients) return rows.map((row, r) => ({ row, error: errorOf(row), gradient: gradients[r]! }));
    for (const row of rows) chooseNearest(row, this.limits);
    return errorsOf(rows, this.h);
  }

  /** All factors, starting with the one of least loss over a few rows. */
  private bestFactors(factors: readonly number[], weights: Float32Array): number[] {
    const { size } = this;
    const rows = weights.length / size;
    const losses = new Map(factors.map((factor) => [factor, 0]));
    for (let pilot = 0; pilot < PILOT_ROWS; pilot += TILE) {
      const tile = Array.from({ length: TILE }, (_, k) => Math.floor(((pilot + k) * rows) / PILOT_ROWS))
        .map((row) => Float64Array.from(weights.subarray(row * size, (row + 1) * size)))
        .filter((row) => widestScale(row, this.limits) >= SMALLEST_SCALE);
      const clipping = this.clippingScales(tile);
      for (const factor of tile.length > 0 ? factors : []) {
        for (const { loss } of this.polished(this.coded(tile, clipping, factor)))
          losses.set(factor, losses.get(factor)! + loss);
      }
    }
    return [...factors].sort((a, b) => losses.get(a)! - losses.get(b)!);
  }

  private improved(best: readonly Attempt[], coded: readonly CodedErrors[]): Attempt[] {
    return this.polished(coded).map((attempt, r) => (attempt.loss < best[r]!.loss ? attempt : best[r]!));
  }

  private polished(coded: readonly CodedErrors[]): Attempt[] {
    return coded.map((errors) => {
      descend(errors, this.h, this.limits);
      return { row: errors.row, loss: lossOf(errors), errors };
    });
  }

  /**
   * The same codes at their best scale, qᵀ H w / qᵀ H q. With e = s q - w, H e changes by the change of s
   * times H q.
   */
  private rescaled(best: readonly Attempt[]): CodedErrors[] {
    const products = multiplyRows(
      this.h,
      this.size,
      best.map(({ row }) => Float64Array.from(row.codes)),
    );
    return best.map(({ row, errors }, r) => {
      const product = products[r]!;
      const wanted = Math.fround(dot(product, row.weights) / dot(product, row.codes));
      const scale = wanted >= SMALLEST_SCALE && Number.isFinite(wanted) ? wanted : row.scale;
      const rescaled = { ...row, codes: row.codes.slice(), scale };
      const gradient = (errors ?? errorsOf([row], this.h)[0]!).gradient.slice();
      for (let j = 0; j < gradient.length; j++) gradient[j]! += (scale - row.scale) * product[j]!;
      return { row: rescaled, error: errorOf(rescaled), gradient };
    });
  }
}

function dot(a: Float64Array, b: ArrayLike<number>): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j]! * b[j]!;
  return sum;
}

function roundToNearest(weights: Float64Array, scale: number, limits: CodeLimits): RoundingRow {
  const row = beginRow(weights, scale, limits);
  chooseNearest(row, limits);
  return row;
}

function chooseNearest(row: RoundingRow, limits: CodeLimits): void {
  for (let j = 0; j < row.weights.length; j++)
    if (row.fixed[j] === 0) row.codes[j] = nearestCode(row, limits, j, row.weights[j]!);
}
