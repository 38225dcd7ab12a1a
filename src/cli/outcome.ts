/** The exit code of the run, kept apart from process.exitCode, which any module of the user's may set. */
import { EXIT } from "../errors.js";

let exitCode: number = EXIT.done;

/** To be called when the run is done, and yet not as it should be: a gate failed, or the model has faults. */
export function setOutcome(code: number): void {
  exitCode = code;
}

export function outcomeOfRun(): number {
  return exitCode;
}
