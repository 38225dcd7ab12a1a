/** How many threads the runtime may be told to start. */
import { EdgecError } from "../errors.js";

/** More than any machine at the edge has; onnxruntime starts as many as it is told, and hangs on hundreds of thousands. */
export const MOST_THREADS = 256;

/** Throws EdgecError BAD_OPTION unless `threads` is absent or a whole number from 1 to {@link MOST_THREADS}. */
export function requireThreads(threads: number | undefined): void {
  if (threads === undefined || (Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS)) return;
  throw new EdgecError("BAD_OPTION", `threads takes a whole number from 1 to ${MOST_THREADS}, not ${String(threads)}.`);
}
