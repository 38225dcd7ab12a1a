/**
 * Runs a command and measures its time, the processor time of the process itself, and the peak memory of it and of its
 * children apart (Linux).
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const POLL_MS = 50;
/** Of the kernel's clock, on every common system. */
const TICKS_PER_SECOND = 100;

/** Peaks are the kernel's own high-water marks, in MiB; polled, as a process takes its mark with it. */
export async function measurePeaks(command, args) {
  const start = performance.now();
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const peaks = { own: 0, children: 0 };
  let cpuSeconds = 0;
  const timer = setInterval(() => {
    const worker = workerOf(child.pid);
    cpuSeconds = Math.max(cpuSeconds, processorTime(worker));
    peaks.own = Math.max(peaks.own, highWater(worker));
    peaks.children = Math.max(peaks.children, ...childrenOf(worker).map(highWater), 0);
  }, POLL_MS);
  const status = await new Promise((resolve) => child.on("close", resolve));
  clearInterval(timer);
  return { seconds: (performance.now() - start) / 1000, cpuSeconds, ownMiB: peaks.own, childMiB: peaks.children, status, output };
}

/** The process that does the work: edgec's first one only waits for it, to end it on a signal. */
function workerOf(pid) {
  return Number(childrenOf(pid).find((child) => read(`/proc/${child}/cmdline`).includes("cli/work")) ?? pid);
}

/** User and system time in seconds. */
function processorTime(pid) {
  const fields = read(`/proc/${pid}/stat`).split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
}

function highWater(pid) {
  return Number(/^VmHWM:\s*(\d+)/m.exec(statusOf(pid))?.[1] ?? 0) / 1024;
}

function childrenOf(parent) {
  return readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && Number(/^PPid:\s*(\d+)/m.exec(statusOf(entry))?.[1]) === parent);
}

function statusOf(pid) {
  return read(`/proc/${pid}/status`);
}

/** Empty when the process ended while it was looked at. */
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
