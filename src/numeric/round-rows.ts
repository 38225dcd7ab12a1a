/**
 * Rounding a weight matrix to codes so that its outputs change least: for each row ŵ = scale · code, the loss is
 * (ŵ - w)ᵀ H (ŵ - w) with H = E[x xᵀ] of the inputs. Scales are searched, errors are compensated feature after feature
 * (error-compensation.ts), and codes are polished one by one (coordinate-descent.ts).
 */
import { type CodedErrors, descend, errorOf, errorsOf, lossOf } from "./coordinate-descent.js";
import { ErrorCompensation } from "./error-compensation.js";
import { beginRow, clippingScale, type CodeLimits, nearestCode, type RoundingRow, widestScale } from "./rounding-grid.js";
import { multiplyRows, TILE } from "./row-products.js";

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
  /** One for each row; 0 for a row that needs no codes or can have none: all zeros, on such a grid already, too small. */
  readonly scales: Float32Array;
  /** Σ of the rows' losses, and what it is when each weight takes the code nearest to it at the widest scale. */
  readonly loss: number;
  readonly nearestLoss: number;
}

/** Multiplications that trying more scales in full may cost a matrix; about half a second. */
const TRIAL_BUDGET = 5e8;
/**
 * Times the scale that suits nearest codes: when errors are made up for, others do better. Which of these does best is
 * much the same for all rows, so that a few rows tell where not all can try all.
 */
const FACTORS: readonly number[] = [1, 1.04, 0.97, 1.08, 0.94, 1.12, 0.91, 1.18];
/** Of seven and eight bits: many codes gain little from clipping, and the scale is mostly the widest already. */
const FINE_FACTORS: readonly number[] = [1, 0.995, 0.99, 0.98, 0.97];
const FINE = 63;
const PILOT_ROWS = 8;
/** Subnormal scales lose the precision that codes need. */
const SMALLEST_SCALE = 2 ** -126;

export function roundRows({ weights, size, h, limits }: RoundingProblem): RoundedRows {
  const rows = weights.length / size;
  const result = { codes: new Int8Array(weights.length), scales: new Float32Array(rows), loss: 0, nearestLoss: 0 };
  const rounder = h ? new GramRounder(h, size, limits, weights) : new PlainRounder(limits);
  for (let first = 0; first < rows; first += TILE) {
    const tile: { row: number; weights: Float64Array }[] = [];
    for (let row = first; row < Math.min(rows, first + TILE); row++) {
      const own = Float64Array.from(weights.subarray(row * size, (row + 1) * size));
      const widest = widestScale(own, limits);
      if (widest >= SMALLEST_SCALE && Number.isFinite(widest) && !liesOnGrid(own, widest)) tile.push({ row, weights: own });
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

/** Groups of rows, one after the other, of which each has an H of its own. */
export interface RoundingGroups extends Omit<RoundingProblem, "h"> {
  readonly h: readonly (Float64Array | undefined)[];
}

export interface RoundedWeights {
  /** [rows, size]; rows that need no codes or can have none are as they were. */
  readonly weights: Float32Array;
  /** Sums over all groups; see RoundedRows. */
  readonly loss: number;
  readonly nearestLoss: number;
}

/** Rounds each group by itself, and turns codes into weights again. */
export function roundGroups({ weights: before, size, h, limits }: RoundingGroups): RoundedWeights {
  const weights = before.slice();
  const sums = { loss: 0, nearestLoss: 0 };
  h.forEach((own, g) => {
    const [begin, end] = [(g * before.length) / h.length, ((g + 1) * before.length) / h.length];
    const { codes, scales, loss, nearestLoss } = roundRows({ weights: before.subarray(begin, end), size, h: own, limits });
    for (let i = begin; i < end; i++) {
      const scale = scales[Math.floor((i - begin) / size)]!;
      if (scale > 0) weights[i] = codes[i - begin]! * scale;
    }
    sums.loss += loss;
    sums.nearestLoss += nearestLoss;
  });
  return { weights, ...sums };
}

/** Float32 knows a code to 1.5e-5. */
const ON_GRID = 1e-4;

function liesOnGrid(weights: Float64Array, scale: number): boolean {
  return weights.every((w) => Math.abs(w / scale - Math.round(w / scale)) < ON_GRID);
}

interface Attempt {
  readonly row: RoundingRow;
  readonly loss: number;
  /** Absent where only the loss was worth knowing. */
  readonly errors?: CodedErrors;
}
interface Rounded { readonly best: Attempt; readonly nearestLoss: number }

/** Without H: the scale of least squared error. */
class PlainRounder {
  constructor(private readonly limits: CodeLimits) {}

  round(rows: readonly Float64Array[]): Rounded[] {
    return rows.map((weights) => {
      const nearest = this.attempt(weights, widestScale(weights, this.limits));
      const clipped = this.attempt(weights, clippingScale(weights, new Float64Array(weights.length).fill(1), this.limits));
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

  constructor(private readonly h: Float64Array, private readonly size: number, private readonly limits: CodeLimits, weights: Float32Array) {
    this.compensation = ErrorCompensation.of(h, size);
    this.diagonal = Float64Array.from({ length: size }, (_, j) => h[j * size + j]!);
    const trials = Math.max(1, Math.floor(TRIAL_BUDGET / (2 * weights.length * size)));
    const factors = limits.maxCode >= FINE ? FINE_FACTORS : FACTORS;
    this.factors = trials >= factors.length ? factors : this.bestFactors(factors, weights).slice(0, trials);
  }

  round(tile: readonly Float64Array[]): Rounded[] {
    const nearest = this.nearest(tile);
    // From the nearest codes descent has a long way to go: another start where one more can be afforded.
    let best = this.factors.length > 1 ? this.polished(nearest.map(({ row, errors }) => errors ?? errorsOf([row], this.h)[0]!)) : nearest;
    const clipping = this.clippingScales(tile);
    for (const factor of this.factors) best = this.improved(best, this.coded(tile, clipping, factor));
    return this.improved(best, this.rescaled(best)).map((attempt, r) => ({ best: attempt, nearestLoss: nearest[r]!.loss }));
  }

  /** Where they will not be polished, their losses are all there is to know, at half the price of their gradients. */
  private nearest(tile: readonly Float64Array[]): Attempt[] {
    const rows = tile.map((weights) => roundToNearest(weights, widestScale(weights, this.limits), this.limits));
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

  /** All factors, that of least loss over a few rows first. */
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
        for (const { loss } of this.polished(this.coded(tile, clipping, factor))) losses.set(factor, losses.get(factor)! + loss);
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

  /** The same codes at their best scale, qᵀ H w / qᵀ H q. With e = s q - w, H e changes by the change of s times H q. */
  private rescaled(best: readonly Attempt[]): CodedErrors[] {
    const products = multiplyRows(this.h, this.size, best.map(({ row }) => Float64Array.from(row.codes)));
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
  for (let j = 0; j < row.weights.length; j++) if (row.fixed[j] === 0) row.codes[j] = nearestCode(row, limits, j, row.weights[j]!);
}
