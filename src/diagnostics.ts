/** Messages and progress for the library's caller. The library never prints; only the CLI does. */

import { clipped } from "./errors.js";

export type Severity = "info" | "warning";

/** A message with a stable id of the form `area/name`, so that a caller can filter or test for it. */
export interface Diagnostic {
  readonly id: string;
  readonly severity: Severity;
  readonly message: string;
  /** The node or tensor that the message is about, if there is one. */
  readonly subject?: string;
}

/** Shortens names that come from the model, as errors do. */
export function clippedDiagnostic({ message, subject, ...rest }: Diagnostic): Diagnostic {
  return {
    ...rest,
    message: clipped(message),
    ...(subject === undefined ? {} : { subject: clipped(subject) }),
  };
}

/**
 * Progress of a long step: `done` of `total` units; `total` is undefined when unknown. `step` is an
 * imperative: "read the model"; or a pass by its name, with what it is doing: "encode-weights: forms". What
 * is done only to choose says so first: "search: calibrate".
 */
export interface Progress {
  readonly step: string;
  readonly done: number;
  readonly total?: number;
}

/** Receives the messages of a long operation. Every member is optional. */
export interface Logger {
  diagnostic?(diagnostic: Diagnostic): void;
  progress?(progress: Progress): void;
  debug?(message: string): void;
}

export const SILENT: Logger = Object.freeze({});
