/**
 * Ends a child process when its parent ends, even while the child is busy. The two share a pipe that nothing
 * is written to. A thread of the child waits for the pipe to close, which happens when the parent ends for
 * whatever reason.
 */
import { Socket } from "node:net";
import type { ChildProcess, StdioOptions } from "node:child_process";
import type { Readable } from "node:stream";
import { Worker } from "node:worker_threads";

/** File descriptor of the pipe in the child, after the message channel. */
const DESCRIPTOR = 4;

const WATCH = `
  const { Socket } = require("node:net");
  const end = () => process.kill(process.pid, "SIGKILL");
  new Socket({ fd: require("node:worker_threads").workerData }).on("error", end).on("close", end).resume();
`;

/** The `stdio` option for a process with a lifeline. */
export function withLifeline(
  own: readonly ["ignore" | "inherit", "pipe" | "inherit", "pipe" | "inherit"],
): StdioOptions {
  return [...own, "ipc", "pipe"];
}

/** Lets the parent exit although its end of the pipe is open, and ignores errors on it. */
export function letGoOfLifeline(child: ChildProcess): void {
  // A process that failed to start may have no streams.
  const streams = child.stdio as readonly unknown[] | undefined;
  const end = streams?.[DESCRIPTOR] as (Readable & { unref?(): void }) | null | undefined;
  end?.on("error", () => undefined);
  end?.unref?.();
}

/** Kills this process when its parent is gone. Call it in a process started `withLifeline`. */
export function holdLifeline(): void {
  try {
    const thread = new Worker(WATCH, { eval: true, workerData: DESCRIPTOR, stdout: false, stderr: false });
    // If no thread can be started, for lack of memory or permission, the pipe is watched between tasks.
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
