/**
 * Prints progress and debug lines on stderr: on a terminal a line that is drawn again and again, elsewhere a
 * line each half minute, so that the log of a job shows where it is.
 */
import type { Diagnostic, Logger, Progress } from "../diagnostics.js";
import { printable } from "../units.js";
import { progressBar, progressLine } from "./progress-text.js";
import { RemainingTime } from "./remaining-time.js";

/** Shortest time between two redraws, in milliseconds. Faster only flickers. */
const MIN_REDRAW_MS = 80;
/** A step that reports nothing is drawn again that often, with the time it has taken. */
const TICK_MS = 1_000;
/** Elsewhere than on a terminal, one line in that time; nothing for runs that are shorter. */
const LINE_EVERY_MS = 30_000;

const USUAL_COLUMNS = 80;

/** Time as the logger sees it. */
export interface LoggerClock {
  /** Milliseconds on any axis. */
  now(): number;
  /** Calls `tick` at intervals until the returned function is called. */
  every(ms: number, tick: () => void): () => void;
}

const REAL_TIME: LoggerClock = {
  now: () => performance.now(),
  every: (ms, tick) => {
    const timer = setInterval(tick, ms);
    // A run that is over need not wait for it.
    timer.unref();
    return () => clearInterval(timer);
  },
};

/** Where it is written to. */
type LogStream = Pick<NodeJS.WriteStream, "write"> & { readonly isTTY?: boolean; readonly columns?: number };

export class TerminalLogger implements Logger {
  /** Warnings that were printed, so that a report on the same screen need not repeat them. */
  readonly shown = new Set<string>();
  private readonly began: number;
  private remaining = new RemainingTime();
  private current: Progress | undefined;
  private stepBegan = 0;
  private lastDrawn = 0;
  private lastLine: number;
  private drawn = false;
  private stopTicking: (() => void) | undefined;

  constructor(
    private readonly stream: LogStream,
    private readonly options: { readonly quiet: boolean; readonly debug: boolean },
    private readonly clock: LoggerClock = REAL_TIME,
  ) {
    this.began = this.lastLine = clock.now();
  }

  progress(progress: Progress): void {
    if (this.options.quiet) return;
    const now = this.clock.now();
    const { done, total } = progress;
    const isNew = progress.step !== this.current?.step;
    this.current = progress;
    if (isNew) this.stepBegan = now;
    if (isNew) this.remaining = new RemainingTime();
    if (total !== undefined) this.remaining.note(done, total, now);
    this.stopTicking ??= this.clock.every(TICK_MS, () => this.tick());
    const isLast = total !== undefined && done >= total;
    if (isNew || isLast || now - this.lastDrawn >= MIN_REDRAW_MS) this.tick();
  }

  /**
   * Prints information, such as the plan, and warnings that matter before work begins. Other warnings are
   * part of the report.
   */
  diagnostic({ severity, message }: Diagnostic): void {
    if (this.options.quiet) return;
    this.erase();
    if (severity === "warning") this.shown.add(message);
    this.stream.write(`${severity === "warning" ? "warning: " : ""}${printable(message)}\n`);
  }

  debug(message: string): void {
    if (!this.options.debug) return;
    this.erase();
    this.stream.write(`debug: ${printable(message)}\n`);
  }

  /** Ends the progress line: the next output starts on a clean line, and nothing is drawn over it. */
  clear(): void {
    this.stopTicking?.();
    this.stopTicking = undefined;
    this.current = undefined;
    this.erase();
  }

  private tick(): void {
    if (!this.current) return;
    const now = this.clock.now();
    if (this.stream.isTTY === true) this.draw(this.current, now);
    else if (now - this.lastLine >= LINE_EVERY_MS) this.writeLine(this.current, now);
  }

  private draw(progress: Progress, now: number): void {
    this.lastDrawn = now;
    this.drawn = true;
    const times = { elapsed: now - this.stepBegan, left: this.remaining.left(now) };
    const line = Array.from(progressBar(progress, times)).slice(0, this.width() - 1);
    this.stream.write(`\r\x1b[K${line.join("")}`);
  }

  /** Columns: a line that wraps could not be cleared. Some terminals do not know theirs, and say 0. */
  private width(): number {
    const { columns = 0 } = this.stream;
    return columns > 0 ? columns : USUAL_COLUMNS;
  }

  private writeLine(progress: Progress, now: number): void {
    this.lastLine = now;
    this.stream.write(`${progressLine(progress, now - this.began, this.remaining.left(now))}\n`);
  }

  private erase(): void {
    if (this.drawn) this.stream.write("\r\x1b[K");
    this.drawn = false;
  }
}
