/** What the library tells its caller. Only the CLI prints; the library reports through these. */

import { clipped } from "./errors.js";

export type Severity = "info" | "warning";

/** One message with a stable id, so that a caller can silence or test for it. */
export interface Diagnostic {
  readonly id: string;
  readonly severity: Severity;
  readonly message: string;
  /** The node or tensor that the message speaks of, where there is one. */
  readonly subject?: string;
}

/** With names of the model cut as in errors. */
export function clippedDiagnostic({ message, subject, ...rest }: Diagnostic): Diagnostic {
  return { ...rest, message: clipped(message), ...(subject === undefined ? {} : { subject: clipped(subject) }) };
}

/** Progress of one long step: `done` of `total` units; `total` is undefined when it is not known. */
export interface Progress {
  readonly step: string;
  readonly done: number;
  readonly total?: number;
}

/** The sink that every long operation takes. All members are optional to implement. */
export interface Logger {
  diagnostic?(diagnostic: Diagnostic): void;
  progress?(progress: Progress): void;
  debug?(message: string): void;
}

export const SILENT: Logger = Object.freeze({});
