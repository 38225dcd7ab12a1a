/** Handles failures of standard output and standard error, and keeps user modules off standard output. */
import { Console } from "node:console";
import { EXIT } from "../errors.js";

/** Codes for a reader that closed the pipe, as in `edgec inspect model.onnx | head`. Not an error. */
const GONE: readonly string[] = ["EPIPE", "ECONNRESET", "ERR_STREAM_DESTROYED"];

let failure: NodeJS.ErrnoException | undefined;

/**
 * Lets the run continue when a stream fails: its files matter more than its messages. A failing standard
 * error is ignored, since there is nowhere to report it.
 */
export function tolerateStreamFailures(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (!GONE.includes(error.code ?? "")) failure ??= error;
  });
  process.stderr.on("error", () => undefined);
}

/**
 * Redirects `console` to standard error. Standard output is for edgec's own results, such as --json, and what
 * a user module logs must not mix with them.
 */
export function consoleToStderr(): void {
  // Keeps the console object, since modules may import it from node:console, and replaces its methods.
  Object.assign(console, new Console(process.stderr, process.stderr));
}

/**
 * Waits until everything written has left the process. Returns the exit code, or another one when output was
 * lost.
 */
export async function flushed(exitCode: number): Promise<number> {
  await Promise.all(
    [process.stdout, process.stderr].map(
      (stream) =>
        new Promise<void>((resolve) => {
          // The callback is also called on failure. A stream that no longer accepts data must not delay the
          // end.
          stream.write("", () => resolve());
        }),
    ),
  );
  if (!failure) return exitCode;
  process.stderr.write(
    `error: cannot write to standard output: ${failure.message}. ` +
      "The printed output is incomplete; requested files are complete.\n",
  );
  return EXIT.usage;
}
