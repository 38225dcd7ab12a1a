/** Runs a command and measures its time, and the peak memory of the process itself and of its children apart (Linux). */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const POLL_MS = 20;

/** Peaks are the kernel's own high-water marks, in MiB; polled, as a process takes its mark with it. */
export async function measurePeaks(command, args) {
  const start = performance.now();
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const peaks = { own: 0, children: 0 };
  const timer = setInterval(() => {
    peaks.own = Math.max(peaks.own, highWater(child.pid));
    peaks.children = Math.max(peaks.children, ...childrenOf(child.pid).map(highWater), 0);
  }, POLL_MS);
  const status = await new Promise((resolve) => child.on("close", resolve));
  clearInterval(timer);
  return { seconds: (performance.now() - start) / 1000, ownMiB: peaks.own, childMiB: peaks.children, status, output };
}

function highWater(pid) {
  return Number(/^VmHWM:\s*(\d+)/m.exec(statusOf(pid))?.[1] ?? 0) / 1024;
}

function childrenOf(parent) {
  return readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && Number(/^PPid:\s*(\d+)/m.exec(statusOf(entry))?.[1]) === parent);
}

/** Empty when the process ended while it was looked at. */
function statusOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}
