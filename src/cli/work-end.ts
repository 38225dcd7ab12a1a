/** Reports a worker process that ended without reporting completion. */
import { BadDataError, EdgecError, EXIT } from "../errors.js";
import { BUG, reportFailure } from "./failure.js";

interface WorkEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** User modules that ran in it. */
  readonly modules: readonly string[];
}

/** Exit codes of shells and of Windows for a process that aborted, as V8 does when its heap is full. */
const ABORTED: readonly (number | null)[] = [134, 0xc0000409];
const CRASHES: ReadonlySet<string | null> = new Set(["SIGSEGV", "SIGBUS", "SIGILL", "SIGTRAP", "SIGFPE"]);

/** Prints the reason and returns the exit code. */
export function reportEnd(end: WorkEnd): number {
  const { code, signal, modules } = end;
  const blamed = modules.length === 0 ? "" : modules.join(", ");
  const orModule =
    blamed === "" ? "" : `, or the ${modules.length > 1 ? "modules" : "module"} ${blamed} ended it`;
  if (signal === "SIGABRT" || ABORTED.includes(code)) {
    return fail(
      `edgec ran out of memory or crashed${orModule}. ` +
        "Raise the limit with NODE_OPTIONS=--max-old-space-size=<MiB>.",
    );
  }
  if (signal !== null && !CRASHES.has(signal)) {
    return fail(
      `edgec was killed (${signal}${signal === "SIGKILL" ? ", most likely out of memory" : ""})${orModule}. ` +
        "Free some memory, or use smaller inputs and fewer threads.",
    );
  }
  const how = signal === null ? `ended with exit code ${code}` : `crashed (${signal})`;
  if (blamed !== "")
    return reportFailure(
      new BadDataError(
        `${blamed}: the process ${how} before the run was complete, most likely because of the module.`,
      ),
      false,
    );
  process.stderr.write(`error: edgec's process ${how} before the run was complete.\n${BUG}`);
  return EXIT.bug;
}

function fail(message: string): number {
  return reportFailure(new EdgecError("RUNTIME_CRASHED", message), false);
}
