/** Looks at what a child process takes while it works, and tells once it is more than it may. */
import { readFileSync } from "node:fs";
import type { WorkLimit } from "../run-limits.js";

/** Memory grows by some hundred megabytes within that time at most. Milliseconds. */
const INTERVAL = 25;
/** Linux counts processor time in hundredths of a second for all programs. */
const TICKS_PER_SECOND = 100;
const UTIME = 11;

export interface Watchdog {
  /** Seconds taken so far. */
  seconds(): number;
  stop(): void;
}

/**
 * Memory and processor time are known on Linux; elsewhere, and where `/proc` must not be read, the time that passes counts.
 * @param limit asked for again whenever it seems exceeded, so that what is costly to learn is learnt only then
 * @param tell given the limit that is exceeded, and which half of it
 */
export function watchProcess(
  pid: number,
  limit: (isNear: boolean) => WorkLimit,
  tell: (limit: WorkLimit, kind: keyof WorkLimit) => void,
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
  const timer = setInterval(() => {
    if (exceeded(limit(false)) === undefined) return;
    const whole = limit(true);
    const kind = exceeded(whole);
    if (kind === undefined) return;
    clearInterval(timer);
    tell(whole, kind);
  }, INTERVAL);
  return { seconds, stop: () => clearInterval(timer) };
}

/** Undefined where the system does not tell, and for a process that has ended. */
function usageOf(pid: number): WorkLimit | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ") ?? [];
    const [, kilobytes] = /^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
    if (kilobytes === undefined) return undefined;
    return { seconds: (Number(fields[UTIME]) + Number(fields[UTIME + 1])) / TICKS_PER_SECOND, bytes: 1024 * Number(kilobytes) };
  } catch {
    return undefined;
  }
}
