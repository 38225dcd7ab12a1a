/** Looks at other processes: whether they run and what they started. Kills them. */
import { readdirSync, readFileSync } from "node:fs";

/** Kills a process if it exists. */
export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is already gone.
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isUnreaped(pid);
  } catch {
    return false;
  }
}

/**
 * Whether a process has ended but was not reaped, as happens in containers without an init process. Linux
 * only.
 */
function isUnreaped(pid: number): boolean {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/**
 * The child processes of a process and its threads. Empty where the system does not list them (only Linux
 * does).
 */
export function childrenOf(pid: number | undefined): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads
      .flatMap((thread) =>
        readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean),
      )
      .map(Number);
  } catch {
    return [];
  }
}
