/**
 * Starts the process that does the work and looks after it: ends it at once on a signal, whatever it is busy with, says
 * what became of it when it ends on its own, and removes what it leaves behind.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { EdgecError } from "../errors.js";
import { newRunToken, removeRun, RUN_VARIABLE } from "../onnx/temporary-name.js";
import { letGoOfLifeline, withLifeline } from "../runtime/lifeline.js";
import type { Notice } from "../run-notices.js";
import { reportFailure } from "./failure.js";
import { childrenOf, isAlive, kill } from "./processes.js";
import { exitCodeOf, INTERRUPTS, isInterrupt, tellInterruption, type Interrupt, type Written } from "./interrupt.js";
import { tellEnd } from "./work-end.js";

/** How long a killed process may take to be gone: one that writes is held up by the disk. Milliseconds. */
const GONE_WITHIN = 600;
const POLL = 20;

/** Does the work of a command line in a process of its own and ends with its exit code. */
export function supervise(args: readonly string[]): void {
  const run = newRunToken();
  process.stderr.on("error", () => undefined);
  // Before there is anything to clean up behind; a signal is heard once this function has come to its end.
  let supervisor: Supervisor | undefined;
  for (const signal of INTERRUPTS) process.on(signal, () => void supervisor?.interrupt(signal));
  try {
    const child = fork(fileURLToPath(new URL("./work.js", import.meta.url)), args, {
      stdio: withLifeline(["inherit", "inherit", "inherit"]),
      env: { ...process.env, [RUN_VARIABLE]: run },
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
      `the process that does the work could not be started: ${(cause as Error).message}. ` +
        "Raise the limits on open files and processes (ulimit -n, ulimit -u), or end other programs.",
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
  private isComplete = false;
  private isEnding = false;

  constructor(
    private readonly child: ChildProcess,
    private readonly run: string,
  ) {}

  watch(): void {
    const { child } = this;
    letGoOfLifeline(child);
    child.on("message", (notice) => this.take(notice as Notice));
    child.on("error", (error) => {
      if (child.pid === undefined) process.exit(notStarted(error));
    });
    const exit = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
    // What was told last is read before the channel closes.
    const told = child.connected ? once(child, "disconnect") : Promise.resolve();
    void exit.then(async ([code, signal]) => {
      await Promise.race([told, sleep(GONE_WITHIN)]);
      await this.ended(code, signal);
    });
  }

  private take(notice: Notice): void {
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
      case "complete":
        this.isComplete = true;
        break;
      case "writing":
      case "written":
        this.written = { path: notice.path, isDone: notice.kind === "written" };
        break;
    }
  }

  /** Nothing is left to itself: processes are killed, as one that solves or waits for a disk hears of nothing else. */
  async interrupt(signal: Interrupt): Promise<void> {
    if (this.isEnding) return;
    this.isEnding = true;
    // Held still, it starts nothing more; a process that it has just started may not have been told of yet.
    if (process.platform !== "win32") this.child.kill("SIGSTOP");
    for (const pid of childrenOf(this.child.pid)) this.processes.add(pid);
    this.child.kill("SIGKILL");
    await this.cleanUp();
    tellInterruption(this.written);
    process.exit(exitCodeOf(signal));
  }

  private async ended(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    if (this.isEnding) return;
    this.isEnding = true;
    await this.cleanUp();
    if (this.isComplete && code !== null) process.exit(code);
    if (isInterrupt(signal)) {
      tellInterruption(this.written);
      process.exit(exitCodeOf(signal));
    }
    process.exit(tellEnd({ code, signal, modules: this.modules }));
  }

  /** Kills what the work had started, waits until all of it is gone, and removes temporary files. */
  private async cleanUp(): Promise<void> {
    const until = Date.now() + GONE_WITHIN;
    const isLeft = (): boolean =>
      (this.child.exitCode ?? this.child.signalCode) === null || [...this.processes].some(isAlive);
    do {
      // What was started last may be heard of only now.
      this.processes.forEach(kill);
      if (isLeft()) await sleep(POLL);
    } while (Date.now() < until && isLeft());
    for (const folder of this.folders) removeRun(folder, this.run);
  }
}
