/**
 * An `EdgecError` is a failure that the user can cause or fix. Its message says what was wrong, where (file,
 * node, tensor) and what to do next. Its code is stable, so callers can branch on it. Anything else that is
 * thrown is a bug in edgec.
 */

/** Exit codes of the CLI, one for each kind of outcome. */
export const EXIT = { done: 0, gateFailed: 1, usage: 2, badModel: 3, bug: 70, interrupted: 130 } as const;

/** The stable error codes, each with its exit code. */
const ERROR_EXIT_CODES = {
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

/** Longest quoted name in a message, and longest message, in characters. Anything longer is cut. */
const MAX_NAME_LENGTH = 200;
const MAX_MESSAGE_LENGTH = 4000;

/**
 * Shortens a message and the names quoted in it: names come from the model, and a hostile model may have
 * names of megabytes.
 */
export function clipped(message: string): string {
  const short =
    message.length <= MAX_NAME_LENGTH
      ? message
      : message.replace(/"([^"]*)"/g, (quoted, name: string) =>
          name.length <= MAX_NAME_LENGTH ? quoted : `"${cut(name, MAX_NAME_LENGTH)}"`,
        );
  return short.length <= MAX_MESSAGE_LENGTH ? short : cut(short, MAX_MESSAGE_LENGTH);
}

/** Cuts `text` without splitting a surrogate pair. */
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

/** The text as a sentence with exactly one full stop, unless it ends with another mark. */
export function sentence(text: string): string {
  const clause = clauseOf(text);
  return /[!?…]$/.test(clause) ? clause : `${clause}.`;
}

/** The text without the full stop at its end. */
export function clauseOf(text: string): string {
  return text.trim().replace(/\.+$/, "");
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
