/**
 * Refits the weights of many outputs after some are forced to zero: given H, the support S of the remaining
 * weights of a row w, and t = H w,
 *
 *   ŵ_S = argmin (ŵ - w)ᵀ H (ŵ - w) = H_SS⁻¹ t_S      (AdaPrune, Hubara et al. 2021; OBC, Frantar & Alistarh 2022)
 *
 * All rows together by preconditioned conjugate gradients, so that each step is one product with H. Where that
 * is cheaper, row by row with a factor of its own.
 */
import { SupportSolver } from "../numeric/least-squares.js";
import { partOfSystem, ridgeOf, systemOf } from "./input-system.js";
import { dot, type Matrix, type MatrixEngine, matrixOf, slabs } from "./matrix.js";
import { Preconditioner } from "./preconditioner.js";
import type { MeasuredRows } from "./score-rows.js";

/** The refit weights. */
export interface RefitRows {
  readonly weights: Float32Array;
  /** (w - ŵ) μ for each row: the shift that a bias must absorb. */
  readonly meanShift: Float64Array;
}

/** Multiplications up to which each row of a group is solved directly. */
const DIRECT_BUDGET = 2e8;
/** Most features for solving directly: every row needs its own factor. */
const DIRECT_LIMIT = 320;
const MAX_STEPS = 12;
/** The share of a slab's loss that a step must recover for another step to follow. */
const WORTHWHILE = 0.02;

/**
 * Sets removed weights to zero and refits the others.
 * @param start where the refit begins; overwritten. Default: the weights themselves
 */
export async function refitRows(
  engine: MatrixEngine,
  layer: MeasuredRows,
  alive: Uint8Array,
  start?: Float32Array,
): Promise<RefitRows> {
  const { rows, columns, inputs } = layer;
  const weights = start ?? layer.weights.slice();
  for (let i = 0; i < weights.length; i++) if (alive[i] === 0) weights[i] = 0;
  const share = rows / inputs.length;
  const meanShift = new Float64Array(rows);
  for (const [group, own] of inputs.entries()) {
    const range: Range = [group * share * columns, (group + 1) * share * columns];
    const part: Part = {
      original: layer.weights.subarray(...range),
      fitted: weights.subarray(...range),
      alive: alive.subarray(...range),
      columns,
    };
    const ridge = own && ridgeOf(own, layer.system);
    if (own && ridge !== undefined) {
      if (isDirect(part)) refitDirectly(part, partOfSystem(own, layer.system, ridge, [0, columns]).data);
      else await refitTogether(engine, part, systemOf(own, layer.system)!);
    }
    if (own) addMeanShift(part, own.mean, own.unit, meanShift.subarray(group * share, (group + 1) * share));
  }
  return { weights, meanShift };
}

type Range = [number, number];

/** The rows of a group. `fitted` holds the start, and then the result. */
interface Part {
  readonly original: Float32Array;
  readonly fitted: Float32Array;
  readonly alive: Uint8Array;
  readonly columns: number;
}

function isDirect({ alive, columns }: Part): boolean {
  let cost = 0;
  for (let at = 0; at < alive.length; at += columns) cost += countOf(alive, at, columns) ** 3 / 6;
  return columns <= DIRECT_LIMIT && cost <= DIRECT_BUDGET;
}

function countOf(alive: Uint8Array, from: number, columns: number): number {
  let count = 0;
  for (let at = from; at < from + columns; at++) count += alive[at]!;
  return count;
}

function refitDirectly({ original, fitted, alive, columns }: Part, h: Float64Array): void {
  const solver = new SupportSolver(h, columns);
  for (let at = 0; at < alive.length; at += columns) {
    const support = supportOf(alive, at, columns);
    if (support.length === 0 || support.length === columns) continue;
    const solved = solver.refit(support, original.subarray(at, at + columns));
    support.forEach((column, k) => void (fitted[at + column] = solved[k]!));
  }
}

/** The remaining columns of a row, ascending. */
export function supportOf(alive: Uint8Array, from: number, columns: number): Int32Array {
  const support = new Int32Array(countOf(alive, from, columns));
  for (let j = 0, n = 0; j < columns; j++) if (alive[from + j] === 1) support[n++] = j;
  return support;
}

async function refitTogether(engine: MatrixEngine, part: Part, h: Matrix<Float32Array>): Promise<void> {
  const preconditioner = new Preconditioner(engine, h);
  const { columns } = part;
  for (const [from, to] of slabs(part.alive.length / columns, columns)) {
    const range: Range = [from * columns, to * columns];
    await refitSlab(engine, preconditioner, h, {
      original: part.original.subarray(...range),
      fitted: part.fitted.subarray(...range),
      alive: part.alive.subarray(...range),
      columns,
    });
  }
}

/** Preconditioned conjugate gradients on each row; all rows take each step together. */
async function refitSlab(
  engine: MatrixEngine,
  preconditioner: Preconditioner,
  h: Matrix<Float32Array>,
  part: Part,
): Promise<void> {
  const { columns, alive, fitted } = part;
  const rows = alive.length / columns;
  const slab = (data: Float32Array): Matrix<Float32Array> => matrixOf(rows, columns, data);
  const scales = scalesOf(part.original, columns);
  // Of rows of about unit size: products of huge or tiny weights do not fit single precision.
  const errors = differences(part, scales);
  const residual = (await engine.multiply(slab(errors), h)).data;
  let loss = dot(residual, errors);
  clear(residual, alive);
  const precondition = await preconditioner.on(slab(Float32Array.from(alive)));
  const change = new Float32Array(alive.length);
  let direction: Float32Array | undefined;
  let before: Float64Array = new Float64Array(rows);
  for (let step = 0; step < MAX_STEPS && loss > 0; step++) {
    const next = await precondition(slab(residual));
    const products = rowProducts(residual, next, rows);
    direction = direction ? combine(next, direction, products, before) : next;
    const gained = descend({
      direction,
      image: (await engine.multiply(slab(direction), h)).data,
      products,
      change,
      residual,
      alive,
    });
    before = products;
    loss -= gained;
    if (!(gained > WORTHWHILE * loss)) break;
  }
  for (let i = 0; i < fitted.length; i++)
    if (alive[i] === 1) fitted[i]! += change[i]! * scales[Math.floor(i / columns)]!;
}

/** The largest magnitude of each row, or 1. */
function scalesOf(weights: Float32Array, columns: number): Float64Array {
  return Float64Array.from({ length: weights.length / columns }, (_, row) => {
    let most = 0;
    for (let at = row * columns; at < (row + 1) * columns; at++)
      most = Math.max(most, Math.abs(weights[at]!));
    return most || 1;
  });
}

/** w - ŵ over the scale of its row. */
function differences({ original, fitted, columns }: Part, scales: Float64Array): Float32Array {
  const result = new Float32Array(original.length);
  for (let row = 0, at = 0; row < scales.length; row++)
    for (let j = 0; j < columns; j++, at++) result[at] = (original[at]! - fitted[at]!) / scales[row]!;
  return result;
}

/** What changes in a step. */
interface Step {
  readonly direction: Float32Array;
  /** Direction times H. */
  readonly image: Float32Array;
  /** Of each row: residual times preconditioned residual. */
  readonly products: Float64Array;
  readonly change: Float32Array;
  readonly residual: Float32Array;
  readonly alive: Uint8Array;
}

/** Moves to the minimum along each row's direction; returns the total gain of all rows. */
function descend({ direction, image, products, change, residual, alive }: Step): number {
  const rows = products.length;
  const columns = direction.length / rows;
  const curvatures = rowProducts(direction, image, rows);
  let gained = 0;
  for (let row = 0, at = 0; row < rows; row++) {
    const length = curvatures[row]! > 0 ? products[row]! / curvatures[row]! : 0;
    gained += length * products[row]!;
    for (let j = 0; j < columns; j++, at++) {
      change[at]! += length * direction[at]!;
      residual[at] = alive[at] === 1 ? residual[at]! - length * image[at]! : 0;
    }
  }
  return gained;
}

/** next + β · direction, β being each row's; in place of `direction`. */
function combine(
  next: Float32Array,
  direction: Float32Array,
  products: Float64Array,
  before: Float64Array,
): Float32Array {
  const columns = next.length / products.length;
  for (let row = 0, at = 0; row < products.length; row++) {
    const beta = before[row]! > 0 ? products[row]! / before[row]! : 0;
    for (let j = 0; j < columns; j++, at++) direction[at] = next[at]! + beta * direction[at]!;
  }
  return direction;
}

function rowProducts(a: Float32Array, b: Float32Array, rows: number): Float64Array {
  const columns = a.length / rows;
  const products = new Float64Array(rows);
  for (let row = 0, at = 0; row < rows; row++) {
    let sum = 0;
    for (let j = 0; j < columns; j++, at++) sum += a[at]! * b[at]!;
    products[row] = sum;
  }
  return products;
}

function clear(values: Float32Array, alive: Uint8Array): void {
  for (let i = 0; i < values.length; i++) if (alive[i] === 0) values[i] = 0;
}

function addMeanShift(
  { original, fitted, columns }: Part,
  mean: Float64Array,
  unit: number,
  shifts: Float64Array,
): void {
  for (let row = 0, at = 0; row < shifts.length; row++) {
    let sum = 0;
    for (let j = 0; j < columns; j++, at++) sum += (original[at]! - fitted[at]!) * mean[j]!;
    shifts[row] = sum * unit;
  }
}
