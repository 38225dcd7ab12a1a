/**
 * A run of edgec that gets a signal: how long all its processes take to end, and what they leave behind
 * (Linux).
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { markedEnvironment, processesMarked } from "./marked-processes.mjs";

const LONGEST_WAIT_MS = 20_000;
const POLL_MS = 2;

/**
 * Starts `edgec <args> -o <a new folder>/o.onnx`, or without an output where the command has none. `began`
 * resolves once stderr holds `after`, or with the start where that is undefined; `ended` with the exit code.
 */
export function startRun(args, after, writes = true) {
  const place = mkdtempSync(join(tmpdir(), "bench-signals-"));
  const [scratch, out] = ["tmp", "out"].map((name) => join(place, name));
  for (const folder of [scratch, out]) mkdirSync(folder);
  const output = writes ? ["-o", join(out, "o.onnx"), "--debug"] : [];
  const child = spawn(process.execPath, ["bin/edgec.js", ...args, ...output], {
    env: { ...markedEnvironment(place), TMPDIR: scratch },
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  const ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve(code ?? signal)));
  let stderr = "";
  const began = new Promise((resolve) => {
    if (after === undefined) resolve();
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
      if (after !== undefined && stderr.includes(after)) resolve();
    });
  });
  const leftovers = () => [...readdirSync(scratch), ...readdirSync(out).filter((name) => name !== "o.onnx")];
  return { child, place, ended, began, stderr: () => stderr, leftovers };
}

/**
 * Milliseconds that the part of a run takes that begins with `after` and ends with `before`, or with the
 * run.
 */
export async function lengthOf({ args, after, before, writes }) {
  const run = startRun(args, after, writes);
  try {
    await Promise.race([run.began, run.ended]);
    const start = performance.now();
    const isPast = () => before !== undefined && run.stderr().includes(before);
    let code;
    while (code === undefined && !isPast()) code = await Promise.race([run.ended, sleep(POLL_MS)]);
    if (code !== undefined && code !== 0)
      throw new Error(`edgec ${args.join(" ")} ended with ${code}: ${run.stderr()}`);
    return performance.now() - start;
  } finally {
    await cleanUp(run);
  }
}

/**
 * Sends `signal` once the run has been at work for `wait` milliseconds since `after`: to all its processes
 * as a terminal does, or to the first alone as `kill` does. Undefined if the run came to its end before.
 */
export async function interrupt({ args, after, writes }, { signal, wait, toAll }) {
  const run = startRun(args, after, writes);
  try {
    await Promise.race([run.began, run.ended]);
    if (await Promise.race([run.ended.then(() => true), sleep(wait, false)])) return undefined;
    const before = processesMarked(run.place).length;
    if (before === 0) return undefined;
    const start = performance.now();
    process.kill(toAll ? -run.child.pid : run.child.pid, signal);
    const code = await Promise.race([run.ended, sleep(LONGEST_WAIT_MS, "still running")]);
    const ownMs = performance.now() - start;
    let left = processesMarked(run.place);
    const leftAtExit = left.length;
    while (left.length > 0 && performance.now() - start < LONGEST_WAIT_MS) {
      await sleep(POLL_MS);
      left = processesMarked(run.place);
    }
    const ms = leftAtExit > 0 ? performance.now() - start : ownMs;
    return { ms, code, signal, processes: before, leftAtExit, left: left.length, files: run.leftovers() };
  } finally {
    await cleanUp(run);
  }
}

async function cleanUp({ child, place, ended }) {
  for (const pid of processesMarked(place)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
  if (child.exitCode === null && child.signalCode === null) await ended;
  rmSync(place, { recursive: true, force: true });
}
