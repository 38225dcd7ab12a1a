/** Estimates whether free memory is enough to run two models side by side. */
import { PER_DENSE_BYTE } from "../passes/encode/load-bytes.js";
import { bytesText } from "../units.js";

/**
 * Smaller models are run whatever memory is free: an estimate must not prevent a small model from being
 * checked. Bytes.
 */
const LARGE = 1e9;

/**
 * Why both models cannot be run side by side, since the runtime would be killed half-way; undefined if they can.
 * @param resultBytes called only for a large original: the memory of the other model, as `loadBytes` estimates
 *   it; default: as much as the original
 */
export function memoryShortage(
  originalBytes: number,
  freeBytes: number,
  resultBytes: () => number = () => PER_DENSE_BYTE * originalBytes,
): string | undefined {
  if (originalBytes < LARGE) return undefined;
  const needed = PER_DENSE_BYTE * originalBytes + resultBytes();
  if (needed <= freeBytes) return undefined;
  return (
    `running it together with the original takes about ${bytesText(needed)} of memory, ` +
    `and only ${bytesText(freeBytes)} are free`
  );
}
