/** The command line: parses, dispatches, and turns every outcome into an exit code. */
import { CommanderError } from "commander";
import { EXIT } from "../errors.js";
import { reportFailure } from "./failure.js";
import { exitOnInterrupt } from "./interrupt.js";
import { buildProgram } from "./program.js";

exitOnInterrupt();
// A reader that has seen enough, as in `edgec inspect model.onnx | head`, is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? EXIT.done);
  throw error;
});

// What escapes every handler is a bug, and is told like one.
process.on("uncaughtException", (error) => process.exit(reportFailure(error, true)));

try {
  await buildProgram().parseAsync(process.argv);
} catch (error) {
  // Commander has printed its message by now.
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? EXIT.done : EXIT.usage) : reportFailure(error, process.argv.includes("--debug"));
}
