/** The form of int8 weights: bits, saturation guard, per-tensor or per-channel scales. */
import type { Model, Node, Tensor } from "../../../ir/index.js";
import { isDepthwise } from "../../../layers/kernel-weight.js";
import { maxCodeOf } from "../../../numeric/affine.js";
import { type WeightBitsOptions, weightBitsOf } from "./weight-bits.js";

export interface WeightFormOptions extends WeightBitsOptions {
  /**
   * Whether weights are chosen so that 16-bit sums cannot saturate on x86-64 without VNNI ("guard"), use the
   * full int8 range ("ignore"), or use seven bits, from -63 to 63, as WebAssembly's relaxed SIMD needs
   * ("seven-bit").
   */
  readonly saturation: "guard" | "ignore" | "seven-bit";
  /** One scale per output channel of a weight; false: one for the whole weight, which some accelerators require. */
  readonly perChannel?: boolean;
}

/** The form of int8 weights. */
export interface WeightForm {
  /** See `RowOptions.guardPairs`. */
  readonly guardPairs: boolean;
  /** See `RowOptions.maxCode`. */
  readonly maxCode?: number;
  /** Bits of the codes of a weight; 8 when absent. */
  readonly bitsOf?: (weight: Tensor) => number;
  /** One scale for the whole weight instead of one for each output channel. */
  readonly perTensor: boolean;
}

export function weightForm(model: Model, options: WeightFormOptions): WeightForm {
  const { saturation, perChannel = true } = options;
  return {
    guardPairs: saturation === "guard",
    perTensor: !perChannel,
    bitsOf: weightBitsOf(model, options),
    ...(saturation === "seven-bit" ? { maxCode: maxCodeOf(7) } : {}),
  };
}

/** The bits of a weight's codes; the form may allow fewer than requested. */
export function codeBits(weight: Tensor, form: WeightForm): number {
  return Math.log2(maxWeightCode(weight, form) + 1) + 1;
}

/** The largest code of a weight. */
export function maxWeightCode(weight: Tensor, { bitsOf, maxCode = Infinity }: WeightForm): number {
  return Math.min(maxCode, maxCodeOf(bitsOf?.(weight) ?? 8));
}

/**
 * Whether the layer's weight pairs must be kept from saturating: the form requires it, and the kernel sums
 * pairs.
 */
export function isGuarded(
  node: Node,
  weight: { readonly dims: readonly number[] },
  { guardPairs }: WeightForm,
): boolean {
  return guardPairs && !isDepthwise(node, weight);
}
