/** H = E[x xᵀ] + λI over the inputs of a group of rows, computed from the measured moments when needed. */
import { matrixOf, type Matrix, type Reals } from "./matrix.js";

/** The moments of a group's inputs x, scaled so that the mean of x² is 1, which suits any precision. */
export interface MeasuredInputs {
  readonly size: number;
  /** Second moments E[x xᵀ], full and row-major. */
  readonly matrix: Reals;
  readonly mean: Float64Array;
  /** The unit of x. */
  readonly unit: number;
}

/** Moments of more features go to the solvers in single precision, which takes half the memory. */
const DOUBLE_LIMIT = 1024;

/** In units of the inputs; undefined when all of them are zero. Copies. */
export function measuredInputs(
  size: number,
  matrix: Float64Array,
  mean: Float64Array,
): MeasuredInputs | undefined {
  let trace = 0;
  for (let i = 0; i < size; i++) trace += matrix[i * size + i]!;
  const square = trace / size;
  if (!(square > 0) || !Number.isFinite(square)) return undefined;
  const unit = Math.sqrt(square);
  const scaled = size > DOUBLE_LIMIT ? new Float32Array(matrix.length) : new Float64Array(matrix.length);
  for (let i = 0; i < scaled.length; i++) scaled[i] = matrix[i]! / square;
  return { size, matrix: scaled, mean: mean.map((value) => value / unit), unit };
}

export interface SystemOptions {
  /** λ as a share of the mean second moment. */
  readonly ridge: number;
  /** Whether a bias absorbs the mean, so that only deviations from it (covariances) count. */
  readonly centred: boolean;
}

/**
 * Second moments are summed from float32 products, so a difference of them is known to about this share of
 * them.
 */
const ROUNDING_SHARE = 2 ** -20;

/** The ridge to add to the diagonal; undefined if the inputs never varied, so that nothing can be fitted. */
export function ridgeOf(
  { size, matrix, mean }: MeasuredInputs,
  { ridge, centred }: SystemOptions,
): number | undefined {
  let moment = 0;
  let square = 0;
  for (let i = 0; i < size; i++) {
    moment += matrix[i * size + i]!;
    square += centred ? mean[i]! ** 2 : 0;
  }
  const rounding = centred ? (ROUNDING_SHARE * moment) / size : 0;
  const own = (moment - square) / size;
  const added = ridge * own + rounding;
  return own > rounding && added > 0 && Number.isFinite(added) ? added : undefined;
}

/**
 * H in single precision; undefined as for `ridgeOf`. Overwrites moments that are in single precision already,
 * so that large ones are not in memory twice.
 */
export function systemOf(inputs: MeasuredInputs, options: SystemOptions): Matrix<Float32Array> | undefined {
  const ridge = ridgeOf(inputs, options);
  if (ridge === undefined) return undefined;
  const { size, matrix } = inputs;
  const h = matrix instanceof Float32Array ? matrix : new Float32Array(size * size);
  fillSystem(inputs, options, ridge, [0, size], h);
  return matrixOf(size, size, h);
}

/** The part of H at `range` of both axes, in double precision. */
export function partOfSystem(
  inputs: MeasuredInputs,
  options: SystemOptions,
  ridge: number,
  range: readonly [number, number],
): Matrix<Float64Array> {
  const n = range[1] - range[0];
  const part = new Float64Array(n * n);
  fillSystem(inputs, options, ridge, range, part);
  return matrixOf(n, n, part);
}

function fillSystem(
  { size, matrix, mean }: MeasuredInputs,
  { centred }: SystemOptions,
  ridge: number,
  [from, to]: readonly [number, number],
  h: Reals,
): void {
  const n = to - from;
  for (let i = 0; i < n; i++) {
    const at = (from + i) * size + from;
    const own = centred ? mean[from + i]! : 0;
    for (let j = 0; j < n; j++) h[i * n + j] = matrix[at + j]! - own * mean[from + j]!;
    h[i * n + i]! += ridge;
  }
}
