/** The progress of a run, in words and as a bar. */
import type { Progress } from "../diagnostics.js";
import { durationText, printable } from "../units.js";

const BAR_WIDTH = 24;
/** Shorter work shows no time. Milliseconds. */
const TIME_SHOWN_AFTER_MS = 5_000;
/** Estimates are rounded to this, because they are no more accurate. */
const SECONDS_STEP = 5;

/** How long the step has taken and will take, milliseconds. */
interface StepTimes {
  readonly elapsed: number;
  readonly left?: number | undefined;
}

/**
 * For a terminal: "calibrate  ━━━━━━━━────────  12/40  about 25 s left", or the step, its count and how long
 * it has taken when the total is unknown.
 */
export function progressBar(progress: Progress, times: StepTimes): string {
  const { done, total = 0 } = progress;
  const step = printable(progress.step);
  const time = timesText(times);
  const end = time === "" ? "" : `  ${time}`;
  if (total <= 0) return `${done > 0 ? `${step}  ${done}` : `${step} …`}${end}`;
  const filled = Math.min(BAR_WIDTH, Math.round((done / total) * BAR_WIDTH));
  return `${step}  ${"━".repeat(filled)}${"─".repeat(BAR_WIDTH - filled)}  ${done}/${total}${end}`;
}

/** For a log: "1 min 30 s: calibrate, 12 of 40, about 25 s left". */
export function progressLine({ step, done, total = 0 }: Progress, sinceStart: number, left?: number): string {
  const count = total > 0 ? `, ${done} of ${total}` : done > 0 ? `, ${done}` : "";
  return `${durationText(sinceStart)}: ${printable(step)}${count}${left === undefined ? "" : `, ${leftText(left)}`}`;
}

/** The time left if it is known, otherwise the time taken. Empty for a step that has just begun. */
function timesText({ elapsed, left }: StepTimes): string {
  if (elapsed < TIME_SHOWN_AFTER_MS) return "";
  return left === undefined ? durationText(elapsed) : leftText(left);
}

/** "about 25 s left", rounded up to 5 s, or to a minute from two minutes on. */
function leftText(ms: number): string {
  const step = ms > 120_000 ? 60_000 : 1000 * SECONDS_STEP;
  const rounded = Math.max(1, Math.ceil(ms / step)) * step;
  return `about ${durationText(rounded)} left`;
}
