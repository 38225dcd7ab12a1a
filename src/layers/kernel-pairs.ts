/**
 * Finds the int8 weights that a kernel sums in pairs in 16 bits, and whether a weight was guarded against
 * saturation.
 */
import { MAX_PAIR_SUM } from "../numeric/affine.js";
import type { WeightLayer } from "./weight-layers.js";
import type { MatrixLayout } from "./weight-matrix.js";

/**
 * The partner of each column, or undefined if the kernel sums no pairs or the codes already exceed the limit.
 * Kernels go through positions first and channels innermost, so the weights of a pair are channels of one
 * position.
 */
export function guardedPairs(layer: WeightLayer, codes: Float32Array): Int32Array | undefined {
  const [{ kind, depthwise }] = layer.uses;
  if (depthwise || kind === "conv-transpose" || kind === "embedding") return undefined;
  const partners = kernelPartners(layer.layout);
  const { columns } = layer.layout;
  for (let at = 0; at < codes.length; at++) {
    const column = at % columns;
    const partner = partners[column]!;
    if (partner > column && isBeyond(codes[at]!, codes[at - column + partner]!)) return undefined;
  }
  return partners;
}

function isBeyond(a: number, b: number): boolean {
  return a * b > 0 && Math.abs(a + b) > MAX_PAIR_SUM;
}

/** For each column, the one that a kernel sums with it in 16 bits, or -1. */
export function kernelPartners({ columns, channelStride }: MatrixLayout): Int32Array {
  const channels = columns / channelStride;
  const partners = new Int32Array(columns).fill(-1);
  const columnAt = (k: number): number => (k % channels) * channelStride + Math.floor(k / channels);
  for (let k = 0; k + 1 < columns; k += 2) {
    partners[columnAt(k)] = columnAt(k + 1);
    partners[columnAt(k + 1)] = columnAt(k);
  }
  return partners;
}
