/** Prints a thrown error as one clear message and returns its exit code. */
import { EdgecError, EXIT } from "../errors.js";
import { printable, printableLines } from "../units.js";
import { systemErrorOf } from "../system-errors.js";
import { spelledAsFlags } from "./flag-names.js";

/**
 * Prints the failure to stderr and returns the exit code. Prints the stack with `debug` and for bugs in
 * edgec.
 */
export function reportFailure(error: unknown, debug: boolean): number {
  const known = error instanceof EdgecError ? error : spelledAsFlags(() => systemErrorOf(error));
  const exitCode = known?.exitCode ?? EXIT.bug;
  const message = known?.message ?? (error instanceof Error ? error.message : String(error));
  process.stderr.write(`error: ${printable(message)}\n`);
  if (debug || exitCode === EXIT.bug) process.stderr.write(`${printableLines(stackOf(error))}\n`);
  if (exitCode === EXIT.bug) process.stderr.write(BUG);
  return exitCode;
}

export const BUG =
  "This is a bug in edgec. Please report it with the command line, the text above and, if you can, the model.\n";

function stackOf(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) parts.push(at.stack ?? at.message);
  return parts.join("\ncaused by: ");
}
