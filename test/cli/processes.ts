/** Processes as Linux shows them, for tests of what is left running. */
import { readdirSync, readFileSync } from "node:fs";

/** All that descend from a process, those that have ended and were not yet reaped left out. */
export function descendantsOf(pid: number): number[] {
  const parents = new Map(pids().map((each) => [each, parentOf(each)]));
  const found: number[] = [];
  const visit = (parent: number): void => {
    for (const [child, of] of parents) {
      if (of !== parent) continue;
      found.push(child);
      visit(child);
    }
  };
  visit(pid);
  return found;
}

export function isAlive(pid: number): boolean {
  return parentOf(pid) !== undefined;
}

function pids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Undefined for a process that is gone, or is only waiting to be reaped. */
function parentOf(pid: number): number | undefined {
  try {
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return state === "Z" || state === "X" ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}
