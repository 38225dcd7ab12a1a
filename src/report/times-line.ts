/** Where the time of a run went, in one line. */
import type { RunTimes } from "../stage-clock.js";

/** Stages with a smaller share of the whole are summed up. */
const TELLING_SHARE = 0.05;
const MOST_STAGES = 5;

/** "time: 53.6 s (prune-magnitude 37.1 s, calibrate 11.7 s, others 4.8 s)". Empty where none was measured. */
export function timesLines({ totalMs, stages }: RunTimes): string[] {
  if (totalMs === 0) return [];
  const telling = stages
    .filter(({ ms }) => ms >= TELLING_SHARE * totalMs)
    .sort((a, b) => b.ms - a.ms)
    .slice(0, MOST_STAGES);
  const others = totalMs - telling.reduce((sum, { ms }) => sum + ms, 0);
  const parts = [
    ...telling.map(({ stage, ms }) => `${stage} ${secondsText(ms)}`),
    ...(others >= TENTH_MS ? [`others ${secondsText(others)}`] : []),
  ];
  return [`time: ${secondsText(totalMs)} (${parts.join(", ")})`];
}

/** What is shown as more than nothing. */
const TENTH_MS = 50;

function secondsText(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
