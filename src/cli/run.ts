/** One run of the command line in this process: parses, dispatches, and turns every outcome into an exit code. */
import { CommanderError } from "commander";
import { EXIT } from "../errors.js";
import { notify } from "../run-notices.js";
import { wasInterrupted } from "./interrupt.js";
import { outcomeOfRun } from "./outcome.js";
import { BUG, reportFailure } from "./failure.js";
import { buildProgram } from "./program.js";
import { bearStreamFailures, consoleToStderr, flushed } from "./streams.js";
import { endedEarly, strayFailure } from "./user-module-guard.js";

/** Ends the process with the exit code of the outcome. */
export async function runCommandLine(argv: readonly string[]): Promise<never> {
  bearStreamFailures();
  consoleToStderr();
  const isDebug = argv.includes("--debug");
  let isComplete = false;
  const end = async (exitCode: number): Promise<never> => {
    isComplete = true;
    notify({ kind: "complete" });
    const final = await flushed(exitCode);
    // The last to listen has the last word, whatever a module of the user's does at the end.
    process.on("exit", () => (process.exitCode = final));
    process.exit(final);
  };
  // What escapes every handler is a bug, and is told like one, unless a module of the user's threw it.
  process.on("uncaughtException", (error) => void (isComplete || end(reportFailure(strayFailure(error), isDebug))));
  process.on("exit", () => {
    if (!isComplete && !wasInterrupted()) process.exitCode = tellEarlyEnd(new Error().stack ?? "");
  });
  return end(await outcome(argv, isDebug));
}

async function outcome(argv: readonly string[], isDebug: boolean): Promise<number> {
  try {
    await buildProgram().parseAsync([...argv]);
    return outcomeOfRun();
  } catch (error) {
    // Commander has printed its message by now.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    return reportFailure(error, isDebug);
  }
}

/** The process is ending, and nothing that waits comes to its turn any more. */
function tellEarlyEnd(stack: string): number {
  const early = endedEarly(stack);
  notify({ kind: "complete" });
  if (early) return reportFailure(early, false);
  process.stderr.write(`error: the run ended before it was complete.\n${stack}\n${BUG}`);
  return EXIT.bug;
}
