/** What becomes of a run when standard output or standard error takes no more, and who writes to them. */
import { Console } from "node:console";
import { EXIT } from "../errors.js";

/** The reader has gone, as in `edgec inspect model.onnx | head`: it has seen enough. */
const GONE: readonly string[] = ["EPIPE", "ECONNRESET", "ERR_STREAM_DESTROYED"];

let failure: NodeJS.ErrnoException | undefined;

/** Lets the run go on: files are worth more than what is said of them. A failing standard error can be told nowhere. */
export function bearStreamFailures(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (!GONE.includes(error.code ?? "")) failure ??= error;
  });
  process.stderr.on("error", () => undefined);
}

/** Standard output belongs to edgec's own results, such as --json; what a module of the user's logs must not get in. */
export function consoleToStderr(): void {
  // The object stays the same, as modules may import it from node:console; its methods come bound.
  Object.assign(console, new Console(process.stderr, process.stderr));
}

/** Waits until all that was written has left the process. Returns the exit code: another one when output was lost. */
export async function flushed(exitCode: number): Promise<number> {
  await Promise.all(
    [process.stdout, process.stderr].map(
      (stream) =>
        new Promise<void>((resolve) => {
          // The callback comes for a failure as well; a stream that takes nothing any more must not hold up the end.
          stream.write("", () => resolve());
        }),
    ),
  );
  if (!failure) return exitCode;
  process.stderr.write(
    `error: cannot write to standard output: ${failure.message}. ` +
      "What was printed is incomplete; files that were asked for are whole.\n",
  );
  return EXIT.usage;
}
