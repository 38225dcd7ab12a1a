/** What a device profile says: how int8 must look to be right and fast on a kind of processor. */

import type { KernelTable } from "./kernels.js";

/**
 * Signedness of activation codes. onnxruntime takes signed ones natively on ARM alone; on x86-64 it
 * converts them.
 */
export const ACTIVATIONS = ["u8", "s8"] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/**
 * What weights must keep to so that the target's kernels give exact sums.
 * - pair-guard: 255·|w₀ + w₁| of neighbours in kernel order fits int16, for kernels that sum pairs there
 *   (VPMADDUBSW)
 * - full: −127 to 127
 * - seven-bit: −63 to 63, for kernels whose second operand has seven bits (relaxed SIMD of WebAssembly)
 */
export const WEIGHT_RANGES = ["pair-guard", "full", "seven-bit"] as const;
export type WeightRange = (typeof WEIGHT_RANGES)[number];

/**
 * Forms of int8 that the target's runtime takes: convolutions between Q/DQ pairs, fully connected layers
 * and LSTMs whose ranges are taken at run time, weights stored as chains that are folded at load, and such
 * chains in functions.
 */
export const FORMATS = [
  "static-qdq",
  "dynamic-matmul",
  "dynamic-lstm",
  "stored-weights",
  "stored-functions",
] as const;
export type Format = (typeof FORMATS)[number];

/**
 * Time of int8 over time of float, for one operator with its input and output in codes: 0.5 is twice as fast.
 * `quantize` and `dequantize` are the price of leaving codes and coming back: one element's, in
 * multiply-adds of a float 3×3 convolution on the same target.
 */
export interface CostTable {
  /** Convolutions of more than one position, neither depthwise nor grouped. */
  readonly conv: number;
  /** Convolutions of one position. */
  readonly pointwiseConv: number;
  readonly depthwiseConv: number;
  /** Fully connected layers on codes that are there already. */
  readonly staticMatMul: number;
  /** With the quantization of the input at run time. */
  readonly dynamicMatMul: number;
  readonly lstm: number;
  /** Add, Mul, Concat and pools between codes of different scales. */
  readonly requantizer: number;
  /**
   * Of gathering what a kernel of several positions reads, for each position at each place that it stands
   * on, in the same unit. It is what makes int8 slow where channels are few.
   */
  readonly gather: number;
  readonly quantize: number;
  readonly dequantize: number;
}

export interface TargetProfile {
  readonly name: string;
  /** One line for `edgec targets`. */
  readonly description: string;
  /** Activation codes that have kernels of their own: always u8, which is what edgec writes. */
  readonly activations: readonly Activation[];
  readonly weightRange: WeightRange;
  /**
   * Which operators have int8 kernels, and the signedness, symmetry and granularity of the codes that those
   * take. An operator without one stays in float; null says so.
   */
  readonly kernels: KernelTable;
  /** Operator types that stay in float although there is an int8 kernel for them. */
  readonly floatOperators: readonly string[];
  readonly formats: readonly Format[];
  readonly costs: CostTable;
  /** The oldest onnxruntime on the device, such as "1.16"; taken for `--min-ort` unless that is given. */
  readonly minOrt?: string;
  /** Memory that the model may take, in bytes: a larger file is warned of. */
  readonly memoryBytes?: number;
  /** Threads that inference gets; taken for `--threads` unless that is given. */
  readonly threads?: number;
}

/** A profile and where it came from. */
export interface Target {
  readonly profile: TargetProfile;
  /** For "native": what was detected, in words. For a file: its name. */
  readonly origin?: string;
}

/** A device that times on this machine say nothing about. */
export interface Device {
  readonly name: string;
  readonly costs: CostTable;
}
