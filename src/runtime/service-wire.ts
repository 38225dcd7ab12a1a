/** Messages between a service's parent and child. Arguments and results are structured clones. */
import { BadDataError, BadModelError, EdgecError, type ErrorCode } from "../errors.js";
import { withoutMarks } from "../option-names.js";

export interface CallMessage {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** Asks the child to end. */
export const END = "end";

/** An error in transit: `code` is absent for anything but an EdgecError, which means a bug. */
export interface SentError {
  readonly code?: ErrorCode;
  readonly message: string;
  readonly stack?: string;
}

export type ReplyMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "result"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number | undefined; readonly error: SentError };

export function sendableError(error: unknown): SentError {
  if (error instanceof EdgecError) return { code: error.code, message: error.message };
  if (error instanceof Error)
    return { message: error.message, ...(error.stack === undefined ? {} : { stack: error.stack }) };
  return { message: String(error) };
}

/**
 * The error that the parent throws: an EdgecError of the same class and code, or an Error with the child's
 * stack.
 */
export function receivedError({ code, message: sent, stack }: SentError): Error {
  const message = withoutMarks(sent);
  if (code === "BAD_DATA") return new BadDataError(message);
  if (code === "BAD_MODEL") return new BadModelError(message);
  if (code !== undefined) return new EdgecError(code, message);
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
