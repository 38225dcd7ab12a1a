/** The form that int8 weights take: bits, guard against saturation, one scale or one for each channel. */
import type { Model, Node, Tensor } from "../../../ir/index.js";
import { isDepthwise } from "../../../layers/kernel-weight.js";
import { maxCodeOf } from "../../../numeric/affine.js";
import { type WeightBitsOptions, weightBitsOf } from "./weight-bits.js";

export interface WeightFormOptions extends WeightBitsOptions {
  /**
   * Whether weights are kept free of int16 saturation on x86-64 without VNNI ("guard"), take all of int8
   * ("ignore"), or keep to seven bits, from -63 to 63, as relaxed SIMD of WebAssembly needs it
   * ("seven-bit").
   */
  readonly saturation: "guard" | "ignore" | "seven-bit";
  /**
   * One scale for each output channel of a weight; false: one for the whole weight, which some accelerators
   * want.
   */
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

/** The bits of a weight's codes, of which the form may allow fewer than were asked for. */
export function codeBits(weight: Tensor, form: WeightForm): number {
  return Math.log2(maxWeightCode(weight, form) + 1) + 1;
}

/** The largest code of a weight. */
export function maxWeightCode(weight: Tensor, { bitsOf, maxCode = Infinity }: WeightForm): number {
  return Math.min(maxCode, maxCodeOf(bitsOf?.(weight) ?? 8));
}

/** Whether pairs of the layer's weights are kept from saturating: the form says so, and its kernel sums pairs. */
export function isGuarded(
  node: Node,
  weight: { readonly dims: readonly number[] },
  { guardPairs }: WeightForm,
): boolean {
  return guardPairs && !isDepthwise(node, weight);
}
