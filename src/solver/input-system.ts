/** The measured inputs of a group of rows, and H = E[x xᵀ] + λI over them. */
import type { StoredGram } from "../numeric/statistics.js";
import { dot, matrixOf, type Matrix, type MatrixEngine, type Reals } from "./matrix.js";

/** The moments of a group's inputs x, scaled so that the mean of x² is 1, which suits any precision. */
export interface MeasuredInputs {
  readonly size: number;
  /** Second moments E[x xᵀ], full and row-major. */
  readonly matrix: Reals;
  readonly mean: Float64Array;
  /** The unit of x. */
  readonly unit: number;
  /** How many inputs were measured, if known. */
  readonly rows?: number;
}

/** The inputs themselves, where they are fewer than half of their features; scaled likewise. */
export interface SampledInputs {
  readonly size: number;
  /** x [rows, size] */
  readonly samples: Float32Array;
  readonly mean: Float64Array;
  readonly unit: number;
}

/** Inputs in a file, which whoever runs the solver reads. */
export interface StoredInputs {
  readonly file: StoredGram;
  readonly group: number;
}

export type KnownInputs = MeasuredInputs | SampledInputs;
export type LayerInputs = KnownInputs | StoredInputs;

/** Inputs that were read. */
export function known(inputs: LayerInputs): KnownInputs {
  if ("file" in inputs) throw new TypeError("the inputs of a layer must be read from their file first");
  return inputs;
}

/** Moments of more features go to the solvers in single precision, which takes half the memory. */
const DOUBLE_LIMIT = 1024;

/** In units of the inputs; undefined when all of them are zero. Copies. */
export function measuredInputs(
  size: number,
  matrix: Float64Array,
  mean: Float64Array,
  rows?: number,
): MeasuredInputs | undefined {
  const diagonal = Float64Array.from({ length: size }, (_, i) => matrix[i * size + i]!);
  return scaledMoments({ diagonal, mean, rows }, (square, scaled) => {
    for (let i = 0; i < scaled.length; i++) scaled[i] = matrix[i]! / square;
  });
}

interface Shape {
  readonly diagonal: Float64Array;
  readonly mean: Float64Array;
  readonly rows: number | undefined;
}

/**
 * The same where the moments are not in memory.
 * @param fill writes them all, divided by `square`
 */
export function scaledMoments(
  { diagonal, mean, rows }: Shape,
  fill: (square: number, scaled: Reals) => void,
): MeasuredInputs | undefined {
  const size = diagonal.length;
  let trace = 0;
  for (let i = 0; i < size; i++) trace += diagonal[i]!;
  const square = trace / size;
  if (!isUsable(square)) return undefined;
  const unit = Math.sqrt(square);
  const matrix = size > DOUBLE_LIMIT ? new Float32Array(size * size) : new Float64Array(size * size);
  fill(square, matrix);
  const scaled = { size, matrix, mean: mean.map((value) => value / unit), unit };
  return rows === undefined ? scaled : { ...scaled, rows };
}

/** As `measuredInputs`, of rows [rows, size]. */
export function sampledInputs(
  size: number,
  samples: Float32Array,
  mean: Float64Array,
): SampledInputs | undefined {
  const square = dot(samples, samples) / samples.length;
  if (!isUsable(square)) return undefined;
  const unit = Math.sqrt(square);
  const scaled = new Float32Array(samples.length);
  for (let i = 0; i < scaled.length; i++) scaled[i] = samples[i]! / unit;
  return { size, samples: scaled, mean: mean.map((value) => value / unit), unit };
}

function isUsable(square: number): boolean {
  return square > 0 && Number.isFinite(square);
}

/** The moments of rows, by one product. */
export async function momentsOf(engine: MatrixEngine, inputs: KnownInputs): Promise<MeasuredInputs> {
  if ("matrix" in inputs) return inputs;
  const { size, samples, mean, unit } = inputs;
  const rows = samples.length / size;
  const { data: matrix } = await engine.gram(matrixOf(rows, size, samples));
  for (let i = 0; i < matrix.length; i++) matrix[i]! /= rows;
  return { size, matrix, mean, unit, rows };
}

/** Rows for each feature below which inputs are few. */
const FEW_ROWS = 2;

/** Whether so few inputs were measured that a fit to them soon fits what is peculiar to them. */
export function areFew(inputs: KnownInputs): boolean {
  const rows = "samples" in inputs ? inputs.samples.length / inputs.size : (inputs.rows ?? Infinity);
  return rows < FEW_ROWS * inputs.size;
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
export function ridgeOf(inputs: KnownInputs, { ridge, centred }: SystemOptions): number | undefined {
  const { size, mean } = inputs;
  const moment =
    "matrix" in inputs
      ? traceOf(inputs)
      : (dot(inputs.samples, inputs.samples) / inputs.samples.length) * size;
  const square = centred ? dot(mean, mean) : 0;
  const rounding = centred ? (ROUNDING_SHARE * moment) / size : 0;
  const own = (moment - square) / size;
  const added = ridge * own + rounding;
  return own > rounding && added > 0 && Number.isFinite(added) ? added : undefined;
}

function traceOf({ size, matrix }: MeasuredInputs): number {
  let trace = 0;
  for (let i = 0; i < size; i++) trace += matrix[i * size + i]!;
  return trace;
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
