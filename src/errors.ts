/**
 * Every failure that a user can cause or mend is an `EdgecError`. Its message says what was wrong, where
 * (file, node, tensor) and what to do next; its code is stable, so callers can branch on it.
 * Anything else that is thrown is a bug in edgec.
 */

/** Process exit codes of the CLI, one for each class of outcome. */
export const EXIT = { done: 0, gateFailed: 1, usage: 2, badModel: 3, bug: 70, interrupted: 130 } as const;

/** The stable codes, each with the exit code it maps to. */
export const ERROR_EXIT_CODES = {
  USAGE: EXIT.usage,
  BAD_OPTION: EXIT.usage,
  UNKNOWN_PASS: EXIT.usage,
  UNMATCHED_SELECTOR: EXIT.usage,
  BAD_DATA: EXIT.usage,
  OUTPUT_EXISTS: EXIT.usage,
  CANNOT_WRITE: EXIT.usage,
  CANNOT_READ: EXIT.usage,
  RUNTIME_MISSING: EXIT.usage,
  RUNTIME_CRASHED: EXIT.usage,
  BAD_MODEL: EXIT.badModel,
  MODEL_REJECTED: EXIT.badModel,
  PASS_FAILED: EXIT.bug,
  INTERRUPTED: EXIT.interrupted,
} as const;

export type ErrorCode = keyof typeof ERROR_EXIT_CODES;

/** Names longer than this are cut in messages, and messages than the other. Characters. */
const LONGEST_NAME = 200;
const LONGEST_MESSAGE = 4000;

/** A message as it may be told: names come from the model, and a hostile one's may take megabytes. */
export function clipped(message: string): string {
  const short = message.length <= LONGEST_NAME ? message
    : message.replace(/"([^"]*)"/g, (quoted, name: string) => (name.length <= LONGEST_NAME ? quoted : `"${cut(name, LONGEST_NAME)}"`));
  return short.length <= LONGEST_MESSAGE ? short : cut(short, LONGEST_MESSAGE);
}

/** Not within a pair of surrogates. */
function cut(text: string, length: number): string {
  return `${text.slice(0, length).replace(/[\ud800-\udbff]$/, "")}… (${text.length} characters in all)`;
}

export class EdgecError extends Error {
  override readonly name: string = "EdgecError";
  readonly code: ErrorCode;

  /**
   * @param code stable code
   * @param message what was wrong, where, and what to do
   */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(clipped(message), options);
    this.code = code;
  }

  get exitCode(): number {
    return ERROR_EXIT_CODES[this.code];
  }
}

/** The file is not a readable or valid ONNX model. */
export class BadModelError extends EdgecError {
  override readonly name = "BadModelError";
  constructor(message: string, options?: { cause?: unknown }) {
    super("BAD_MODEL", message, options);
  }
}

/** Calibration or evaluation data does not fit the model, or cannot be read. */
export class BadDataError extends EdgecError {
  override readonly name = "BadDataError";
  constructor(message: string, options?: { cause?: unknown }) {
    super("BAD_DATA", message, options);
  }
}

/** A `Did you mean "x"?` suffix for the candidate nearest to a mistyped name, or an empty string. */
export function suggestion(given: string, candidates: Iterable<string>): string {
  let best = "";
  let bestDistance = Math.max(2, Math.floor(given.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(given.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best === "" ? "" : ` Did you mean "${best}"?`;
}

/** Levenshtein distance by the two-row dynamic programme. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length]!;
}
