/**
 * Finds pairs of int8 weights that can saturate on processors that sum two products with uint8 codes in 16 bits
 * (VPMADDUBSW).
 */
import type { RowOrder } from "./affine.js";

export const INT16_MIN = -32768;
export const INT16_MAX = 32767;
/** Largest code of an activation. */
const MAX_ACTIVATION = 255;

export interface PairsAtRisk {
  /** Number of pairs in the rows. */
  readonly pairs: number;
  /** Number of pairs that saturate for some activations. */
  readonly count: number;
  /** For each channel, the start of each such pair: the index of its first weight, in kernel order. */
  readonly firsts: readonly (readonly number[])[];
}

/** Whether w₀·x₀ + w₁·x₁ exceeds int16 for some x from 0 to 255. A weight without a partner never does. */
function canSaturate(w0: number, w1: number): boolean {
  const highest = MAX_ACTIVATION * (Math.max(w0, 0) + Math.max(w1, 0));
  const lowest = MAX_ACTIVATION * (Math.min(w0, 0) + Math.min(w1, 0));
  return highest > INT16_MAX || lowest < INT16_MIN;
}

/** Kernels pair weights 2k and 2k + 1 of a row, in kernel order (see `RowOrder`). */
export function pairsAtRisk(codes: Int8Array, order: RowOrder): PairsAtRisk {
  const length = order.outerCount * order.innerCount;
  const offsets = Int32Array.from({ length }, (_, k) => positionOf(order, 0, k));
  const firsts: number[][] = [];
  let count = 0;
  for (let channel = 0; channel < order.channels; channel++) {
    const base = channel * order.channelStride;
    const risky: number[] = [];
    for (let k = 0; k + 1 < length; k += 2)
      if (canSaturate(codes[base + offsets[k]!]!, codes[base + offsets[k + 1]!]!)) risky.push(k);
    firsts.push(risky);
    count += risky.length;
  }
  return { pairs: order.channels * Math.floor(length / 2), count, firsts };
}

/** The index in the tensor of value k of a row, in kernel order. */
export function positionOf(order: RowOrder, channel: number, k: number): number {
  return (
    channel * order.channelStride +
    Math.floor(k / order.innerCount) * order.outerStride +
    (k % order.innerCount) * order.innerStride
  );
}
