/** Explains why a child process ended while it was working. */
import { EdgecError } from "../errors.js";

export interface ChildEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of its output on stderr and stdout since its last answer. */
  readonly tail: string;
}

/** A child process was killed or never started, which says nothing about the model it was working on. */
export class EndedFromOutside extends EdgecError {
  constructor(message: string, options?: { cause?: unknown }) {
    super("RUNTIME_CRASHED", message, options);
  }
}

/**
 * Signals that a person, a script or the out-of-memory killer sends. A process that crashes ends with other
 * signals.
 */
const FROM_OUTSIDE: ReadonlySet<string | null> = new Set([
  "SIGKILL",
  "SIGTERM",
  "SIGINT",
  "SIGHUP",
  "SIGQUIT",
  "SIGXCPU",
]);

const OUT_OF_MEMORY = /out of memory|bad_alloc|Allocation failed/i;
const MAX_QUOTE_LENGTH = 300;

/** Exit codes of Windows for an access violation and for a failed allocation. */
const ACCESS_VIOLATION = 0xc0000005;
const NO_MEMORY = 0xc0000017;

/**
 * EdgecError RUNTIME_CRASHED for a child that ended by itself.
 * @param label what ran in it: "onnxruntime"
 * @param doing what it was doing: "running small.onnx"
 */
export function crashError(label: string, doing: string, end: ChildEnd): EdgecError {
  const quote = end.signal === "SIGKILL" ? "" : lastWords(end.tail);
  const words = quote === "" ? "" : ` (last output: ${quote})`;
  const message = `${label} ${howItEnded(end)} while ${doing}${words}.${advice(end)}`;
  return FROM_OUTSIDE.has(end.signal)
    ? new EndedFromOutside(message)
    : new EdgecError("RUNTIME_CRASHED", message);
}

function howItEnded({ exitCode, signal, tail }: ChildEnd): string {
  if (signal === "SIGKILL") return "was killed (SIGKILL, most likely out of memory)";
  if (OUT_OF_MEMORY.test(tail) || exitCode === NO_MEMORY)
    return `ran out of memory (${signal ?? `exit code ${exitCode}`})`;
  if (signal === "SIGSEGV" || signal === "SIGBUS" || exitCode === ACCESS_VIOLATION)
    return `crashed (${signal ?? "access violation"})`;
  if (signal === "SIGILL") return "crashed (SIGILL: this processor lacks an instruction that it uses)";
  return signal === null ? `ended with exit code ${exitCode}` : `was stopped by ${signal}`;
}

function advice({ exitCode, signal, tail }: ChildEnd): string {
  if (signal === "SIGKILL" || OUT_OF_MEMORY.test(tail) || exitCode === NO_MEMORY) {
    return " Free some memory, or use smaller inputs and fewer threads.";
  }
  if (FROM_OUTSIDE.has(signal)) return " Run edgec again without stopping it.";
  return (
    " Run the model directly in onnxruntime to see whether the model is at fault, or set " +
    "EDGEC_RUNTIME=web to use the WebAssembly runtime."
  );
}

/** The last line of output, where V8, the C++ runtime or an uncaught exception leaves its message. */
function lastWords(tail: string): string {
  const lines = tail
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^(FATAL|terminate called|what\(\)|\w*Error\b)/.test(line));
  return (lines.at(-1) ?? "").slice(0, MAX_QUOTE_LENGTH);
}
