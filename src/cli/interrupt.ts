/** Handles signals: the run ends at once, with the exit code that shells expect. */
import { constants } from "node:os";
import { runToken, removeRun } from "../onnx/temporary-name.js";
import { onNotice } from "../run-notices.js";
import { printable } from "../units.js";

/** Ctrl-C, `kill` and closing the terminal. */
export const INTERRUPTS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type Interrupt = (typeof INTERRUPTS)[number];

export function isInterrupt(signal: string | null): signal is Interrupt {
  return INTERRUPTS.some((known) => known === signal);
}

/** 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP. */
export function exitCodeOf(signal: Interrupt): number {
  return 128 + constants.signals[signal];
}

/** The last requested file that was written or was being written. */
export interface Written {
  readonly path: string;
  readonly isDone: boolean;
}

function interruptionText(written: Written | undefined): string {
  if (!written) return "interrupted: nothing was written";
  const path = printable(written.path);
  return written.isDone
    ? `interrupted: ${path} was already written and is complete. ` +
        "If a search was under way, it is the best model found so far."
    : `interrupted while replacing ${path}: it is either the old file or the new one, and complete`;
}

/** Clears a progress bar and says what happened. Ignores errors: the terminal may be gone. */
export function printInterruption(written: Written | undefined): void {
  process.stderr.on("error", () => undefined);
  process.stderr.write(`${process.stderr.isTTY ? "\r\x1b[K" : ""}${interruptionText(written)}\n`);
}

let isInterrupted = false;

/** Whether a signal is ending this process. That is neither a bug nor the fault of a user module. */
export function wasInterrupted(): boolean {
  return isInterrupted;
}

/** For work in this process: on a signal, removes temporary files and exits. Child processes end with it. */
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
      printInterruption(written);
      process.on("exit", () => folders.forEach((folder) => removeRun(folder, runToken())));
      process.exit(exitCodeOf(signal));
    });
}
