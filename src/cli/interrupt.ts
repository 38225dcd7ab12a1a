/** What a signal from outside means: the run ends at once, with the exit code that shells expect. */
import { constants } from "node:os";
import { runToken, removeRun } from "../onnx/temporary-name.js";
import { onNotice } from "../run-notices.js";
import { printable } from "../report/units.js";

/** Ctrl-C, `kill` and a terminal that is closed. */
export const INTERRUPTS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type Interrupt = (typeof INTERRUPTS)[number];

export function isInterrupt(signal: string | null): signal is Interrupt {
  return INTERRUPTS.some((known) => known === signal);
}

/** 130, 143 and 129. */
export function exitCodeOf(signal: Interrupt): number {
  return 128 + constants.signals[signal];
}

/** What was written of the files that were asked for, as far as it is known. */
export interface Written {
  readonly path: string;
  readonly isDone: boolean;
}

export function interruptionText(written: Written | undefined): string {
  if (!written) return "interrupted: nothing was written";
  const path = printable(written.path);
  return written.isDone
    ? `interrupted: ${path} was already written and is complete. ` +
        "If a search was under way, it is the best model found so far."
    : `interrupted while ${path} was taking its name: it is whole, the old file or the new one`;
}

/** Wipes a progress bar and says what happened. A terminal that is gone takes no text. */
export function tellInterruption(written: Written | undefined): void {
  process.stderr.on("error", () => undefined);
  process.stderr.write(`${process.stderr.isTTY ? "\r\x1b[K" : ""}${interruptionText(written)}\n`);
}

let isInterrupted = false;

/** Whether this process is ending because of a signal, which is neither a bug nor a module's doing. */
export function wasInterrupted(): boolean {
  return isInterrupted;
}

/** For work in this process: temporary files are removed as it exits, and child processes end with it. */
export function exitOnSignals(): void {
  const folders = new Set<string>();
  let written: Written | undefined;
  onNotice((notice) => {
    if (notice.kind === "folder") folders.add(notice.path);
    if (notice.kind === "writing" || notice.kind === "written")
      written = { path: notice.path, isDone: notice.kind === "written" };
  });
  for (const signal of INTERRUPTS)
    process.on(signal, () => {
      isInterrupted = true;
      tellInterruption(written);
      process.on("exit", () => folders.forEach((folder) => removeRun(folder, runToken())));
      process.exit(exitCodeOf(signal));
    });
}
