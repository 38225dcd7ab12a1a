/** Processes that bear a mark in their environment, which all that they start inherit (Linux). */
import { readdirSync, readFileSync } from "node:fs";

const VARIABLE = "EDGEC_BENCH_MARK";

export const markedEnvironment = (mark) => ({ ...process.env, [VARIABLE]: mark });

/** Those that are alive: of one that has ended and waits for its parent, the environment is gone. */
export function processesMarked(mark) {
  const entry = Buffer.from(`${VARIABLE}=${mark}\0`);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && environmentOf(name).includes(entry))
    .map(Number);
}

/** Empty for a process of someone else's, or one that ended while it was looked at. */
function environmentOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/environ`);
  } catch {
    return Buffer.alloc(0);
  }
}
