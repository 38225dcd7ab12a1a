/** Linear layers fitted to targets from second moments: the closed form of distilling a last layer. */
import { cholesky, solveFactoredFour } from "./linear-algebra.js";

export interface LinearMap {
  /** [outputs, inputs], row-major. */
  readonly weights: Float64Array;
  /** One for each output. */
  readonly bias: Float64Array;
}

/** Of rows [x, z]: inputs of the layer as they are, and what its outputs should be. */
export interface JointMoments {
  readonly inputs: number;
  readonly outputs: number;
  /** [inputs + outputs]². */
  readonly matrix: Float64Array;
  readonly mean: Float64Array;
}

/**
 * Minimizes E‖W x + b − z‖² + λ ‖W − W₀‖², λ being `ridge` times the mean variance of the inputs, so that
 * directions which the rows do not show keep their weights:
 *
 *   W = (C_zx + λ W₀)(C_xx + λ I)⁻¹,   b = E[z] − W E[x]
 *
 * Undefined when the inputs do not vary or the moments are not finite.
 */
export function refitLinear(
  { weights, bias }: LinearMap,
  moments: JointMoments,
  ridge: number,
): LinearMap | undefined {
  const { inputs, outputs, mean } = moments;
  const covariances = inputCovariances(moments);
  let trace = 0;
  for (let i = 0; i < inputs; i++) trace += covariances[i * inputs + i]!;
  const lambda = (ridge * trace) / inputs;
  if (!(lambda > 0)) return undefined;
  for (let i = 0; i < inputs; i++) covariances[i * inputs + i]! += lambda;
  if (!cholesky(covariances, inputs)) return undefined;
  const fitted = targets(weights, moments, lambda);
  solveRows(covariances, inputs, fitted);
  const shifted = bias.slice();
  for (let o = 0; o < outputs; o++) {
    let offset = mean[inputs + o]!;
    for (let j = 0; j < inputs; j++) offset -= fitted[o * inputs + j]! * mean[j]!;
    shifted[o] = offset;
  }
  return fitted.every(Number.isFinite) && shifted.every(Number.isFinite)
    ? { weights: fitted, bias: shifted }
    : undefined;
}

/** C_xx. */
function inputCovariances({ inputs, outputs, matrix, mean }: JointMoments): Float64Array {
  const size = inputs + outputs;
  const result = new Float64Array(inputs * inputs);
  for (let i = 0; i < inputs; i++)
    for (let j = 0; j < inputs; j++) result[i * inputs + j] = matrix[i * size + j]! - mean[i]! * mean[j]!;
  return result;
}

/** C_zx + λ W₀. */
function targets(
  weights: Float64Array,
  { inputs, outputs, matrix, mean }: JointMoments,
  lambda: number,
): Float64Array {
  const size = inputs + outputs;
  const result = new Float64Array(outputs * inputs);
  for (let o = 0; o < outputs; o++) {
    const from = (inputs + o) * size;
    for (let j = 0; j < inputs; j++)
      result[o * inputs + j] =
        matrix[from + j]! - mean[inputs + o]! * mean[j]! + lambda * weights[o * inputs + j]!;
  }
  return result;
}

/** Solves A x = r for every row r of `rows` in its place, given the factor of A; four rows at a time. */
function solveRows(factor: Float64Array, n: number, rows: Float64Array): void {
  const upper = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) upper[j * n + i] = factor[i * n + j]!;
  for (let at = 0; at < rows.length; at += 4 * n) {
    // The last rows are filled up with zeros.
    const side = (k: number): Float64Array =>
      at + k * n < rows.length ? rows.subarray(at + k * n, at + (k + 1) * n) : new Float64Array(n);
    solveFactoredFour(factor, upper, n, [side(0), side(1), side(2), side(3)]);
  }
}
