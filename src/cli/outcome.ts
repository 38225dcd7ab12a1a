/** The exit code of the run. Kept apart from process.exitCode, which a user module may set. */
import { EXIT } from "../errors.js";

let exitCode: number = EXIT.done;

/** Call it when the run finished but did not succeed: a gate failed, or the model has faults. */
export function setOutcome(code: number): void {
  exitCode = code;
}

export function outcomeOfRun(): number {
  return exitCode;
}
