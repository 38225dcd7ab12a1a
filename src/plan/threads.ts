/** How many threads a run may use: what a caller may ask for, and the defaults. */
import { availableParallelism } from "node:os";
import { EdgecError } from "../errors.js";
import { option } from "../option-names.js";

/**
 * The largest number of threads that may be asked for. It is more than any edge device has. onnxruntime starts
 * any number that it is told to, and hangs with hundreds of thousands.
 */
export const MAX_THREADS = 256;

/**
 * Throws EdgecError BAD_OPTION unless `threads` is absent or a whole number from 1 to {@link MAX_THREADS}.
 */
export function requireThreads(threads: number | undefined): void {
  if (threads === undefined || (Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS)) return;
  throw new EdgecError(
    "BAD_OPTION",
    `${option("threads")} must be a whole number from 1 to ${MAX_THREADS}, not ${String(threads)}.`,
  );
}

/** Small networks gain almost nothing from more threads. */
const MAX_LEARNING = 8;

/**
 * The runtime's threads for calibration and for scores, which are not timed: all processors, up to 8, unless
 * the caller asks for a number. Results do not depend on it, because onnxruntime divides work by outputs: the
 * residual network of bench/int8-time.mjs gets the same bytes with one thread and with two.
 */
export function learningThreads(asked: number | undefined): number {
  return asked ?? Math.min(MAX_LEARNING, availableParallelism());
}

/** Each thread holds a whole layer in memory. */
const MAX_COMPUTING = 4;

/**
 * The threads for the passes' own work, outside the runtime: two (one on a machine with a single processor)
 * unless the caller asks for a number, and at most four. There is always one, so that the main thread stays free.
 */
export function computeThreads(asked: number | undefined): number {
  return Math.min(MAX_COMPUTING, asked ?? Math.min(2, availableParallelism()));
}
