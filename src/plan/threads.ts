/** How many threads the user may ask for, and the defaults. */
import { availableParallelism } from "node:os";
import { EdgecError } from "../errors.js";

/**
 * More than any edge machine has. onnxruntime starts as many as requested, and hangs on hundreds of
 * thousands.
 */
export const MAX_THREADS = 256;

/**
 * Throws EdgecError BAD_OPTION unless `threads` is absent or a whole number from 1 to {@link MAX_THREADS}.
 */
export function requireThreads(threads: number | undefined): void {
  if (threads === undefined || (Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS)) return;
  throw new EdgecError(
    "BAD_OPTION",
    `threads must be a whole number from 1 to ${MAX_THREADS}, not ${String(threads)}.`,
  );
}

/** Networks for the edge gain next to nothing from more. */
const MAX_LEARNING = 8;

/**
 * For calibration and for scores, which no time is read from: all processors, up to 8, unless a number was
 * asked for. onnxruntime parts work by outputs, so that results do not depend on it: the residual network
 * of bench/int8-time.mjs gets the same bytes from one and from two.
 */
export function learningThreads(asked: number | undefined): number {
  return asked ?? Math.min(MAX_LEARNING, availableParallelism());
}

/** Layers are large, and as many are in memory together. */
const MAX_COMPUTING = 4;

/**
 * For the work of passes outside the runtime: two, unless another number was asked for. At least one, as the
 * main thread must stay free.
 */
export function computeThreads(asked: number | undefined): number {
  return Math.min(MAX_COMPUTING, asked ?? Math.min(2, availableParallelism()));
}
