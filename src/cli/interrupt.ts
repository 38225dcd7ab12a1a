/** Ctrl-C: leaves at once with the code that shells expect. */
import { EXIT } from "../errors.js";

/**
 * Temporary files are removed by the exit handlers of whoever made them, and child processes end when their channel
 * to this one closes.
 */
export function exitOnInterrupt(): void {
  const leave = (): void => {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
    process.stderr.write("interrupted: nothing was written but the best that a search had found, if any\n");
    process.exit(EXIT.interrupted);
  };
  process.once("SIGINT", leave);
  process.once("SIGTERM", leave);
}
