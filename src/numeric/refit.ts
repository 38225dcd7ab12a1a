/** Linear layers fitted to targets from second moments: the closed form of distilling a last layer. */
import { cholesky, solveFactored } from "./linear-algebra.js";

export interface LinearLayer {
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
 * Minimizes E‖W x + b − z‖² + λ ‖W − W₀‖², λ being `ridge` times the mean variance of the inputs, so that directions
 * which the rows do not show keep their weights:
 *
 *   W = W₀ + (C_zx − W₀ C_xx)(C_xx + λ I)⁻¹,   b = E[z] − W E[x]
 *
 * Undefined when the inputs do not vary or the moments are not finite.
 */
export function refitLinear({ weights, bias }: LinearLayer, { inputs, outputs, matrix, mean }: JointMoments, ridge: number): LinearLayer | undefined {
  const size = inputs + outputs;
  const covariance = (i: number, j: number): number => matrix[i * size + j]! - mean[i]! * mean[j]!;
  const cxx = Float64Array.from({ length: inputs * inputs }, (_, k) => covariance(Math.floor(k / inputs), k % inputs));
  let trace = 0;
  for (let i = 0; i < inputs; i++) trace += cxx[i * inputs + i]!;
  const lambda = (ridge * trace) / inputs;
  if (!(lambda > 0)) return undefined;
  const factor = cxx.slice();
  for (let i = 0; i < inputs; i++) factor[i * inputs + i]! += lambda;
  if (!cholesky(factor, inputs)) return undefined;
  const fitted = weights.slice();
  const shifted = bias.slice();
  const residual = new Float64Array(inputs);
  for (let o = 0; o < outputs; o++) {
    for (let j = 0; j < inputs; j++) {
      let sum = covariance(inputs + o, j);
      for (let i = 0; i < inputs; i++) sum -= weights[o * inputs + i]! * cxx[i * inputs + j]!;
      residual[j] = sum;
    }
    solveFactored(factor, inputs, residual);
    let offset = mean[inputs + o]!;
    for (let j = 0; j < inputs; j++) {
      fitted[o * inputs + j]! += residual[j]!;
      offset -= fitted[o * inputs + j]! * mean[j]!;
    }
    shifted[o] = offset;
  }
  return fitted.every(Number.isFinite) && shifted.every(Number.isFinite) ? { weights: fitted, bias: shifted } : undefined;
}
