/** Estimates whether free memory is enough to run two models side by side. */
import { bytesText } from "../units.js";

/**
 * Smaller models are run whatever memory is free: an estimate must not prevent a small model from being
 * checked. Bytes.
 */
const LARGE = 1e9;

/**
 * Why both models cannot be run side by side, since the runtime would be killed half-way; undefined if they can.
 * @param needed called only for a large original: the memory of both models, as `loadBytes` estimates it
 */
export function memoryShortage(
  originalBytes: number,
  freeBytes: number,
  needed: () => number,
): string | undefined {
  if (originalBytes < LARGE) return undefined;
  const bytes = needed();
  if (bytes <= freeBytes) return undefined;
  return (
    `running it together with the original takes about ${bytesText(bytes)} of memory, ` +
    `and only ${bytesText(freeBytes)} are free`
  );
}
