/** Runs a command and measures its time and the peak memory of it and its children together (Linux). */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const POLL_MS = 20;

export async function measure(command, args) {
  const start = performance.now();
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk) => (errors += chunk));
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, treeBytes(child.pid))), POLL_MS);
  const status = await new Promise((resolve) => child.on("close", resolve));
  clearInterval(timer);
  return { seconds: (performance.now() - start) / 1000, peakMiB: peak / 2 ** 20, status, errors };
}

/** The same, and the processor time of all processes: the shell adds up that of all it started. */
export async function measureProcessor(command, args) {
  const shell = ["-c", '"$@"; status=$?; times >&2; exit $status', "sh", command, ...args];
  const measured = await measure("sh", shell);
  const times = measured.errors.trim().split("\n").at(-1) ?? "";
  const seconds = [...times.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => 60 * Number(m) + Number(s));
  return { ...measured, cpuSeconds: seconds.reduce((sum, own) => sum + own, 0) };
}

/** Resident bytes of a process and all that descend from it; shared pages count once for each. */
function treeBytes(root) {
  const parents = new Map();
  const resident = new Map();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const status = readFileSync(`/proc/${entry}/status`, "utf8");
      parents.set(Number(entry), Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]));
      resident.set(Number(entry), Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1] ?? 0) * 1024);
    } catch {
      // The process ended while it was looked at.
    }
  }
  let total = 0;
  for (const pid of parents.keys()) {
    for (let ancestor = pid; ancestor > 1; ancestor = parents.get(ancestor) ?? 0) {
      if (ancestor !== root) continue;
      total += resident.get(pid) ?? 0;
      break;
    }
  }
  return total;
}
