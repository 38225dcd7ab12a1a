/**
 * A process that works for another one must not outlive it, even while it is busy. The two share a pipe that nothing is
 * written to. A thread of the working process waits for its end, which comes with the end of the other one,
 * whatever brought it about.
 */
import { Socket } from "node:net";
import type { ChildProcess, StdioOptions } from "node:child_process";
import type { Readable } from "node:stream";
import { Worker } from "node:worker_threads";

/** The pipe's number in the working process, after the channel for messages. */
const DESCRIPTOR = 4;

const WATCH = `
  const { Socket } = require("node:net");
  const end = () => process.kill(process.pid, "SIGKILL");
  new Socket({ fd: require("node:worker_threads").workerData }).on("error", end).on("close", end).resume();
`;

/** What to give as `stdio` to a process that holds on to a lifeline. */
export function withLifeline(
  own: readonly ["ignore" | "inherit", "pipe" | "inherit", "pipe" | "inherit"],
): StdioOptions {
  return [...own, "ipc", "pipe"];
}

/** The parent's end keeps nothing running, and its failures mean nothing. */
export function letGoOfLifeline(child: ChildProcess): void {
  // A process that could not be started may have no streams at all.
  const streams = child.stdio as readonly unknown[] | undefined;
  const end = streams?.[DESCRIPTOR] as (Readable & { unref?(): void }) | null | undefined;
  end?.on("error", () => undefined);
  end?.unref?.();
}

/** Kills this process when the one that started it is gone. To be called in a process started `withLifeline`. */
export function holdLifeline(): void {
  try {
    const thread = new Worker(WATCH, { eval: true, workerData: DESCRIPTOR, stdout: false, stderr: false });
    // Where no thread can be had, for want of memory or of permission, the pipe is watched between two tasks.
    thread.on("error", watchHere);
    thread.unref();
  } catch {
    watchHere();
  }
}

function watchHere(): void {
  const end = (): void => void process.kill(process.pid, "SIGKILL");
  new Socket({ fd: DESCRIPTOR }).on("error", end).on("close", end).resume().unref();
}
