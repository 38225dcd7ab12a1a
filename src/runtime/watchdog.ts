/** Watches the processor time and memory of a child process, and reports when it exceeds a limit. */
import { readFileSync } from "node:fs";
import type { WorkLimit } from "../run-limits.js";

/** Milliseconds between checks. Memory grows by at most a few hundred megabytes in that time. */
const INTERVAL_MS = 25;
/** Linux reports processor time in hundredths of a second. */
const TICKS_PER_SECOND = 100;
const UTIME = 11;

export interface Watchdog {
  /** Seconds used so far. */
  seconds(): number;
  stop(): void;
}

/**
 * Memory and processor time are known on Linux. Elsewhere, and where `/proc` cannot be read, wall-clock time
 * counts.
 * @param limit called with `isNear` once, when the limit first seems exceeded, so that costly details are
 *   computed only then
 * @param onExceeded called with the exceeded limit and its kind
 */
export function watchProcess(
  pid: number,
  limit: (isNear: boolean) => WorkLimit,
  onExceeded: (limit: WorkLimit, kind: keyof WorkLimit) => void,
): Watchdog {
  const began = performance.now();
  const before = usageOf(pid);
  const seconds = (): number => {
    const now = before && usageOf(pid);
    return before && now ? now.seconds - before.seconds : (performance.now() - began) / 1000;
  };
  const exceeded = ({ seconds: most, bytes }: WorkLimit): keyof WorkLimit | undefined => {
    if (seconds() > most) return "seconds";
    const now = before && usageOf(pid);
    return before && now && now.bytes - before.bytes > bytes ? "bytes" : undefined;
  };
  let whole: WorkLimit | undefined;
  const timer = setInterval(() => {
    if (exceeded(whole ?? limit(false)) === undefined) return;
    whole ??= limit(true);
    const kind = exceeded(whole);
    if (kind === undefined) return;
    clearInterval(timer);
    onExceeded(whole, kind);
  }, INTERVAL_MS);
  return { seconds, stop: () => clearInterval(timer) };
}

/** Undefined if the system does not report it, and for a process that has ended. */
function usageOf(pid: number): WorkLimit | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ") ?? [];
    const [, kilobytes] = /^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
    if (kilobytes === undefined) return undefined;
    return {
      seconds: (Number(fields[UTIME]) + Number(fields[UTIME + 1])) / TICKS_PER_SECOND,
      bytes: 1024 * Number(kilobytes),
    };
  } catch {
    return undefined;
  }
}
