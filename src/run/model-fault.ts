/** Failures that a pass caused. What went wrong is kept apart from what to do, as other messages quote it. */
import { EdgecError } from "../errors.js";

export class ModelFault extends EdgecError {
  /**
   * @param reason what went wrong, as a clause without its full stop
   * @param message the same with what was affected and what to do
   */
  constructor(
    readonly reason: string,
    message: string,
    options: { cause: unknown },
  ) {
    super("PASS_FAILED", message, options);
  }
}

/** What went wrong, for another message to quote. */
export function reasonOf(error: EdgecError): string {
  return error instanceof ModelFault ? error.reason : error.message;
}

/** The text of anything that was thrown. */
export function thrownText(cause: unknown): string {
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}
