/** Other processes: whether they run, what they have started, and their end. */
import { readdirSync, readFileSync } from "node:fs";

/** Ends a process, if it is there, whatever it is busy with. */
export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone.
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

/** In a container that nobody tidies up, processes that have ended stay listed; Linux tells them apart. */
function isUnreaped(pid: number): boolean {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** What a process and its threads have started, as far as the system tells: Linux does. */
export function childrenOf(pid: number | undefined): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads
      .flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean))
      .map(Number);
  } catch {
    return [];
  }
}
