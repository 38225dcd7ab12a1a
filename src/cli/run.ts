/**
 * Runs the command line in this process: parses it, dispatches, and turns every outcome into an exit code.
 */
import { CommanderError } from "commander";
import { EXIT } from "../errors.js";
import type { ReportCompletion } from "./completion.js";
import { spelledAsFlags } from "./flag-names.js";
import { wasInterrupted } from "./interrupt.js";
import { outcomeOfRun } from "./outcome.js";
import { BUG, reportFailure } from "./failure.js";
import { buildProgram } from "./program.js";
import { tolerateStreamFailures, consoleToStderr, flushed } from "./streams.js";
import { endedEarly, strayFailure } from "./user-module-guard.js";

/** Reports the exit code of the outcome and exits with it. */
export async function runCommandLine(
  argv: readonly string[],
  reportCompletion: ReportCompletion = () => undefined,
): Promise<never> {
  tolerateStreamFailures();
  consoleToStderr();
  const isDebug = argv.includes("--debug");
  let isComplete = false;
  const end = async (exitCode: number): Promise<never> => {
    isComplete = true;
    reportCompletion(exitCode);
    const final = await flushed(exitCode);
    reportCompletion(final);
    // Registered last, so that it overrides an exit code that a user module sets at exit.
    process.on("exit", () => (process.exitCode = final));
    process.exit(final);
  };
  // An uncaught error is a bug in edgec, unless a user module threw it.
  process.on(
    "uncaughtException",
    (error) => void (isComplete || end(reportFailure(strayFailure(error), isDebug))),
  );
  process.on("exit", () => {
    if (!isComplete && !wasInterrupted())
      reportCompletion((process.exitCode = reportEarlyEnd(new Error().stack ?? "")));
  });
  return end(await outcomeOfCommandLine(argv, isDebug));
}

/** Runs the command line, prints what it has to say, and returns its exit code. The process goes on. */
export async function outcomeOfCommandLine(argv: readonly string[], isDebug: boolean): Promise<number> {
  try {
    await parseCommandLine(argv);
    return outcomeOfRun();
  } catch (error) {
    // Commander has already printed its message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    return reportFailure(error, isDebug);
  }
}

/** Parses the command line and carries it out. Rejects with what a command throws. */
export async function parseCommandLine(argv: readonly string[]): Promise<void> {
  await spelledAsFlags(() => buildProgram().parseAsync([...argv]));
}

/** Reports that the process is exiting before the run is complete. Pending promises will not settle. */
function reportEarlyEnd(stack: string): number {
  const early = endedEarly(stack);
  if (early) return reportFailure(early, false);
  process.stderr.write(`error: the run ended before it was complete.\n${stack}\n${BUG}`);
  return EXIT.bug;
}
