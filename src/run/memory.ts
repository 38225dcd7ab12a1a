/** Whether two models can be run side by side in the memory that is free. */
import { bytesText } from "../units.js";

/**
 * Models below this are run whatever memory is free: an estimate must not keep a small one from being
 * checked. Bytes.
 */
const LARGE = 1e9;
/**
 * What both models take in onnxruntime, weights repacked for its kernels, for each byte of the original:
 * 3.05 measured.
 */
const MEMORY_PER_BYTE = 3.2;

/**
 * Why both models cannot be run side by side; undefined when they can. The runtime would be killed
 * half-way.
 */
export function memoryShortage(originalBytes: number, freeBytes: number): string | undefined {
  const needed = MEMORY_PER_BYTE * originalBytes;
  if (originalBytes < LARGE || needed <= freeBytes) return undefined;
  return (
    `running it together with the original takes about ${bytesText(needed)} of memory, ` +
    `and only ${bytesText(freeBytes)} are free`
  );
}
