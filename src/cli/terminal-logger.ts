/** Progress and debug lines on stderr. A bar is drawn only on a terminal; elsewhere nothing moves. */
import type { Diagnostic, Logger, Progress } from "../diagnostics.js";
import { printable } from "../report/units.js";

const BAR_WIDTH = 24;
/** Redrawing more often than this only flickers. Milliseconds. */
const REDRAW_MS = 80;

export class TerminalLogger implements Logger {
  private lastDrawn = 0;
  private drawn = false;
  private lastStep = "";

  constructor(private readonly stream: NodeJS.WriteStream, private readonly options: { readonly quiet: boolean; readonly debug: boolean }) {}

  progress(progress: Progress): void {
    if (this.options.quiet || !this.stream.isTTY) return;
    const now = Date.now();
    const isLast = progress.total !== undefined && progress.done >= progress.total;
    if (progress.step === this.lastStep && !isLast && now - this.lastDrawn < REDRAW_MS) return;
    this.lastDrawn = now;
    this.lastStep = progress.step;
    this.drawn = true;
    this.stream.write(`\r\x1b[K${progressLine(progress)}`);
  }

  /** Plain information, such as the plan, and what has to be known before work begins. Other warnings are part of the report. */
  diagnostic({ severity, message }: Diagnostic): void {
    if (this.options.quiet) return;
    this.clear();
    this.stream.write(`${severity === "warning" ? "warning: " : ""}${printable(message)}\n`);
  }

  debug(message: string): void {
    if (!this.options.debug) return;
    this.clear();
    this.stream.write(`debug: ${printable(message)}\n`);
  }

  /** Wipes the bar, so that what is printed next starts on a clean line. */
  clear(): void {
    if (this.drawn) this.stream.write("\r\x1b[K");
    this.drawn = false;
  }
}

/** "calibrate  ━━━━━━━━────────  12/40", or the step and its count when the total is not known. */
export function progressLine({ step, done, total }: Progress): string {
  if (total === undefined || total <= 0) return done > 0 ? `${step}  ${done}` : `${step} …`;
  const filled = Math.min(BAR_WIDTH, Math.round((done / total) * BAR_WIDTH));
  return `${step}  ${"━".repeat(filled)}${"─".repeat(BAR_WIDTH - filled)}  ${done}/${total}`;
}
