/** How many threads the runtime may be told to start, and how many it gets where none were asked for. */
import { availableParallelism } from "node:os";
import { EdgecError } from "../errors.js";

/** More than any machine at the edge has; onnxruntime starts as many as it is told, and hangs on hundreds of thousands. */
export const MOST_THREADS = 256;

/** Throws EdgecError BAD_OPTION unless `threads` is absent or a whole number from 1 to {@link MOST_THREADS}. */
export function requireThreads(threads: number | undefined): void {
  if (threads === undefined || (Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS)) return;
  throw new EdgecError("BAD_OPTION", `threads takes a whole number from 1 to ${MOST_THREADS}, not ${String(threads)}.`);
}

/** Networks for the edge gain next to nothing from more. */
const MOST_LEARNING = 8;

/**
 * For calibration and for scores, which no time is read from: all processors, up to 8, unless a number was asked for. onnxruntime
 * parts work by outputs, so that results do not depend on it: the residual network of bench/int8-time.mjs gets the same bytes from one and from two.
 */
export function learningThreads(asked: number | undefined): number {
  return asked ?? Math.min(MOST_LEARNING, availableParallelism());
}

/** Layers are large, and as many are in memory together. */
const MOST_COMPUTING = 4;

/** For the work of passes beside the runtime: two, unless another number was asked for. At least one, as the main thread must stay free. */
export function computeThreads(asked: number | undefined): number {
  return Math.min(MOST_COMPUTING, asked ?? Math.min(2, availableParallelism()));
}
