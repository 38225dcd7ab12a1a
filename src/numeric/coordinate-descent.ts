/**
 * Improves codes one by one: weight j moves to the code nearest to ŵⱼ - (H e)ⱼ / Hⱼⱼ, its best value while all
 * others are fixed, until none moves (COMQ, Zhang et al. 2024; QuantEase, Behdin et al. 2023). Never increases
 * the loss eᵀ H e. For small rows, changes of two codes at once are then tried.
 */
import { type CodeLimits, nearestCode, type RoundingRow } from "./rounding-grid.js";
import { multiplyRows } from "./row-products.js";

/** A row with codes, its errors e = ŵ - w and the gradient H e. */
export interface CodedErrors {
  readonly row: RoundingRow;
  readonly error: Float64Array;
  readonly gradient: Float64Array;
}

/** Few codes still move after the fourth. */
const MAX_SWEEPS = 8;
/** Most features for which pairs are tried, because the number of pairs is quadratic. */
const PAIR_LIMIT = 32;

/** Errors and gradients of up to TILE rows with codes. */
export function errorsOf(rows: readonly RoundingRow[], h: Float64Array): CodedErrors[] {
  const errors = rows.map(errorOf);
  const gradients = multiplyRows(h, errors[0]?.length ?? 0, errors);
  return rows.map((row, r) => ({ row, error: errors[r]!, gradient: gradients[r]! }));
}

/** e = ŵ - w. */
export function errorOf({ codes, scale, weights }: RoundingRow): Float64Array {
  const error = new Float64Array(weights.length);
  for (let j = 0; j < error.length; j++) error[j] = codes[j]! * scale - weights[j]!;
  return error;
}

/** @param h full symmetric [n, n] */
export function descend(coded: CodedErrors, h: Float64Array, limits: CodeLimits): void {
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    const moved = sweepSingles(coded, h, limits);
    if (moved) continue;
    if (coded.error.length > PAIR_LIMIT || !sweepPairs(coded, h, limits)) return;
  }
}

/** eᵀ H e. */
export function lossOf({ error, gradient }: CodedErrors): number {
  let loss = 0;
  for (let j = 0; j < error.length; j++) loss += error[j]! * gradient[j]!;
  return loss;
}

function sweepSingles(coded: CodedErrors, h: Float64Array, limits: CodeLimits): boolean {
  const { row, error, gradient } = coded;
  const n = error.length;
  let moved = false;
  for (let j = 0; j < n; j++) {
    const diagonal = h[j * n + j]!;
    if (row.fixed[j] !== 0 || !(diagonal > 0)) continue;
    const code = nearestCode(row, limits, j, row.weights[j]! + error[j]! - gradient[j]! / diagonal);
    if (code === row.codes[j]) continue;
    move(coded, h, j, code);
    moved = true;
  }
  return moved;
}

function move({ row, error, gradient }: CodedErrors, h: Float64Array, j: number, code: number): void {
  const n = error.length;
  const before = error[j] ?? 0;
  row.codes[j] = code;
  const after = code * row.scale - row.weights[j]!;
  const step = after - before;
  error[j] = after;
  for (let i = 0, at = j * n; i < n; i++) gradient[i]! += step * h[at + i]!;
}

/** Makes the first change of two codes by one each that lowers the loss, for each first weight. */
function sweepPairs(coded: CodedErrors, h: Float64Array, limits: CodeLimits): boolean {
  const n = coded.error.length;
  let moved = false;
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) moved = tryPair(coded, h, limits, i, j) || moved;
  }
  return moved;
}

function tryPair(coded: CodedErrors, h: Float64Array, limits: CodeLimits, i: number, j: number): boolean {
  const {
    row: { codes, fixed, scale },
    gradient,
  } = coded;
  if (fixed[i] !== 0 || fixed[j] !== 0) return false;
  const n = gradient.length;
  for (const [a, b] of PAIR_STEPS) {
    const gain =
      2 * scale * (a * gradient[i]! + b * gradient[j]!) +
      scale * scale * (h[i * n + i]! + h[j * n + j]! + 2 * a * b * h[i * n + j]!);
    // Prevents rounding noise from alternating between two changes.
    if (!(gain < -1e-12 * scale * scale * (h[i * n + i]! + h[j * n + j]!))) continue;
    const [p, q] = [codes[i]! + a, codes[j]! + b];
    if (
      !isAllowed(coded.row, limits, i, p) ||
      !isAllowed(coded.row, limits, j, q) ||
      limits.partners?.[i] === j
    )
      continue;
    move(coded, h, i, p);
    move(coded, h, j, q);
    return true;
  }
  return false;
}

const PAIR_STEPS: readonly (readonly [number, number])[] = [
  [1, 1],
  [1, -1],
  [-1, 1],
  [-1, -1],
];

function isAllowed(row: RoundingRow, limits: CodeLimits, j: number, code: number): boolean {
  return nearestCode(row, limits, j, code * row.scale) === code;
}
