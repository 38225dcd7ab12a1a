/**
 * Determines the number of bits of each weight's codes: fewer than eight everywhere except at the ends of the
 * network.
 */
import { EdgecError } from "../../../errors.js";
import type { Model, Tensor } from "../../../ir/index.js";
import { protectedEnds } from "../../prune/protection.js";
import { weightLayers } from "../../../layers/weight-layers.js";
import { isFloating } from "../../../layers/weight-values.js";

export interface WeightBitsOptions {
  /**
   * Bits of a weight's code: 2 to 8. Codes of fewer than 8 bits are still stored in int8 tensors;
   * encode-weights packs them.
   */
  readonly weightBits: number;
  /** Keeps the first and last layers at 8 bits, unless they hold too much of the network. */
  readonly protectEnds: boolean;
}

export const WEIGHT_BITS_DEFAULTS: WeightBitsOptions = { weightBits: 8, protectEnds: true };

/** Throws EdgecError BAD_OPTION. */
export function validateWeightBits({ weightBits }: WeightBitsOptions): void {
  if (Number.isInteger(weightBits) && weightBits >= 2 && weightBits <= 8) return;
  throw new EdgecError(
    "BAD_OPTION",
    `weightBits takes a whole number of bits from 2 to 8, such as 4, not ${JSON.stringify(weightBits)}.`,
  );
}

/** The bits for each constant of the current model. */
export function weightBitsOf(
  model: Model,
  { weightBits, protectEnds }: WeightBitsOptions,
): (tensor: Tensor) => number {
  if (weightBits === 8 || !protectEnds) return () => weightBits;
  const { ends } = protectedEnds(
    model,
    weightLayers(model).filter(({ tensor }) => isFloating(tensor)),
  );
  const whole = new Set([...ends.keys()].map(({ tensor }) => tensor));
  return (tensor) => (whole.has(tensor) ? 8 : weightBits);
}
