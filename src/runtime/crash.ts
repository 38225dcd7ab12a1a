/** Telling a user why a child process ended while it was working. */
import { EdgecError } from "../errors.js";

export interface ChildEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last of what it wrote to stderr and stdout since its last answer. */
  readonly tail: string;
}

/** The end of a child process that says nothing of the model it was busy with: it was killed, or never started. */
export class EndedFromOutside extends EdgecError {
  constructor(message: string, options?: { cause?: unknown }) {
    super("RUNTIME_CRASHED", message, options);
  }
}

/** What a person, a script or the out-of-memory killer sends; a crash of its own ends in other signals. */
const FROM_OUTSIDE: ReadonlySet<string | null> = new Set([
  "SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGXCPU",
]);

const OUT_OF_MEMORY = /out of memory|bad_alloc|Allocation failed/i;
const LONGEST_QUOTE = 300;

/** Exit codes of Windows for an access violation and for a failed allocation. */
const ACCESS_VIOLATION = 0xc0000005;
const NO_MEMORY = 0xc0000017;

/**
 * EdgecError RUNTIME_CRASHED for a child that ended on its own.
 * @param label what ran in it: "onnxruntime"
 * @param doing what it was busy with: "running small.onnx"
 */
export function crashError(label: string, doing: string, end: ChildEnd): EdgecError {
  const quote = end.signal === "SIGKILL" ? "" : lastWords(end.tail);
  const words = quote === "" ? "" : ` (its last words: ${quote})`;
  const message = `${label} ${howItEnded(end)} while ${doing}${words}.${advice(end)}`;
  return FROM_OUTSIDE.has(end.signal) ? new EndedFromOutside(message) : new EdgecError("RUNTIME_CRASHED", message);
}

function howItEnded({ exitCode, signal, tail }: ChildEnd): string {
  if (signal === "SIGKILL") return "was killed (SIGKILL, most likely out of memory)";
  if (OUT_OF_MEMORY.test(tail) || exitCode === NO_MEMORY) return `ran out of memory (${signal ?? `exit code ${exitCode}`})`;
  if (signal === "SIGSEGV" || signal === "SIGBUS" || exitCode === ACCESS_VIOLATION) return `crashed (${signal ?? "access violation"})`;
  if (signal === "SIGILL") return "crashed (SIGILL: it uses an instruction that this processor lacks)";
  return signal === null ? `ended with exit code ${exitCode}` : `was stopped by ${signal}`;
}

function advice({ exitCode, signal, tail }: ChildEnd): string {
  if (signal === "SIGKILL" || OUT_OF_MEMORY.test(tail) || exitCode === NO_MEMORY) {
    return " Give it more memory, or use smaller inputs and fewer threads.";
  }
  if (FROM_OUTSIDE.has(signal)) return " Run edgec again, and let it come to its end.";
  return " Run the model with onnxruntime alone to see whether it is at fault, or set EDGEC_RUNTIME=web to use the WebAssembly runtime.";
}

/** The last line that V8, the C++ runtime or an uncaught exception leaves on the way out. */
function lastWords(tail: string): string {
  const lines = tail.split("\n").map((line) => line.trim()).filter((line) => /^(FATAL|terminate called|what\(\)|\w*Error\b)/.test(line));
  return (lines.at(-1) ?? "").slice(0, LONGEST_QUOTE);
}
