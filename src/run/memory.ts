/** Whether two models can be run side by side in the memory that is free. */
import { PER_DENSE_BYTE } from "../passes/encode/load-bytes.js";
import { bytesText } from "../units.js";

/**
 * Models below this are run whatever memory is free: an estimate must not keep a small one from being
 * checked. Bytes.
 */
const LARGE = 1e9;

/**
 * Why both models cannot be run side by side; undefined when they can. The runtime would be killed
 * half-way.
 * @param resultBytes asked only for a large original: what the other model takes, as `loadBytes` estimates it;
 *   by default as much as the original
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
