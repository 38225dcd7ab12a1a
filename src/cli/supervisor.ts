/**
 * Starts the worker process and supervises it: kills it on a signal, whatever it is doing, says why when it
 * ends by itself, and removes what it leaves behind.
 */
import { fork, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { EdgecError } from "../errors.js";
import { newRunToken, removeRun, RUN_VARIABLE } from "../onnx/temporary-name.js";
import { letGoOfLifeline, withLifeline } from "../runtime/lifeline.js";
import type { Notice } from "../run-notices.js";
import { completedWith, type Beginning } from "./completion.js";
import { reportFailure } from "./failure.js";
import { childrenOf, isAlive, kill } from "./processes.js";
import {
  exitCodeOf,
  INTERRUPTS,
  isInterrupt,
  printInterruption,
  type Interrupt,
  type Written,
} from "./interrupt.js";
import { STARTED_VARIABLE } from "./program-start.js";
import { reportEnd } from "./work-end.js";

/**
 * How long to wait for a killed process to be gone, in milliseconds. One that is writing is held up by the
 * disk.
 */
const GONE_WITHIN = 600;
const POLL = 20;

/** Runs a command line in a child process and exits with its exit code. */
export function supervise(args: readonly string[]): void {
  const run = newRunToken();
  process.stderr.on("error", () => undefined);
  // Registered before the child starts. A signal is handled only after this function has returned.
  let supervisor: Supervisor | undefined;
  for (const signal of INTERRUPTS) process.on(signal, () => void supervisor?.interrupt(signal));
  try {
    const child = fork(fileURLToPath(new URL("./work.js", import.meta.url)), args, {
      stdio: withLifeline(["inherit", "inherit", "inherit"]),
      env: { ...process.env, [RUN_VARIABLE]: run, [STARTED_VARIABLE]: String(performance.timeOrigin) },
    });
    supervisor = new Supervisor(child, run);
    supervisor.watch();
  } catch (error) {
    process.exit(notStarted(error));
  }
}

function notStarted(cause: unknown): number {
  return reportFailure(
    new EdgecError(
      "CANNOT_READ",
      `could not start the worker process: ${(cause as Error).message}. ` +
        "Raise the limits on open files and processes (ulimit -n, ulimit -u), or close other programs.",
      { cause },
    ),
    false,
  );
}

class Supervisor {
  private readonly folders = new Set([tmpdir()]);
  private readonly processes = new Set<number>();
  private readonly modules: string[] = [];
  private written: Written | undefined;
  private readonly token = randomUUID();
  /** The exit code of the run; undefined while it is not complete. */
  private outcome: number | undefined;
  private isEnding = false;

  constructor(
    private readonly child: ChildProcess,
    private readonly run: string,
  ) {}

  watch(): void {
    const { child } = this;
    letGoOfLifeline(child);
    child.on("message", (message) => {
      // A user module may send anything.
      if (typeof message !== "object" || message === null) return;
      const outcome = completedWith(message, this.token);
      if (outcome === undefined) this.record(message as Notice);
      else this.outcome = outcome;
    });
    const beginning: Beginning = { token: this.token };
    // Errors are ignored here: a process that did not start, or has ended, is handled by its events.
    if (child.connected) child.send(beginning, () => undefined);
    child.on("error", (error) => {
      if (child.pid === undefined) process.exit(notStarted(error));
    });
    const exit = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
    // The last messages are read before the channel closes.
    const drained = child.connected ? once(child, "disconnect") : Promise.resolve();
    void exit.then(async ([code, signal]) => {
      await Promise.race([drained, sleep(GONE_WITHIN)]);
      await this.ended(code, signal);
    });
  }

  private record(notice: Notice): void {
    switch (notice.kind) {
      case "folder":
        this.folders.add(notice.path);
        break;
      case "started":
        this.processes.add(notice.pid);
        break;
      case "ended":
        this.processes.delete(notice.pid);
        break;
      case "module":
        this.modules.push(notice.path);
        break;
      case "writing":
      case "written":
        this.written = { path: notice.path, isDone: notice.kind === "written" };
        break;
    }
  }

  /** Kills all processes: one that computes or waits for a disk reacts to nothing else. */
  async interrupt(signal: Interrupt): Promise<void> {
    if (this.isEnding) return;
    this.isEnding = true;
    // Stop it first, so that it starts no further process. The last one started may not have been reported
    // yet.
    if (process.platform !== "win32") this.child.kill("SIGSTOP");
    for (const pid of childrenOf(this.child.pid)) this.processes.add(pid);
    this.child.kill("SIGKILL");
    await this.cleanUp();
    printInterruption(this.written);
    process.exit(exitCodeOf(signal));
  }

  private async ended(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    if (this.isEnding) return;
    this.isEnding = true;
    await this.cleanUp();
    // A user module can change the exit code of the process, so the reported one counts.
    if (this.outcome !== undefined && code !== null) process.exit(this.outcome);
    if (isInterrupt(signal)) {
      printInterruption(this.written);
      process.exit(exitCodeOf(signal));
    }
    process.exit(reportEnd({ code, signal, modules: this.modules }));
  }

  /** Kills what the worker started, waits until all of it is gone, and removes temporary files. */
  private async cleanUp(): Promise<void> {
    const until = Date.now() + GONE_WITHIN;
    const isLeft = (): boolean =>
      (this.child.exitCode ?? this.child.signalCode) === null || [...this.processes].some(isAlive);
    do {
      // Repeated, because the last process started may be reported only now.
      this.processes.forEach(kill);
      if (isLeft()) await sleep(POLL);
    } while (Date.now() < until && isLeft());
    for (const folder of this.folders) removeRun(folder, this.run);
  }
}
