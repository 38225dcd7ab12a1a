/** Judges whether one model is faster than another, and whether the measurement is clear enough to say so. */
import { type Latency, SLOWER_BELOW } from "./latency.js";

/** Width of the interquartile range of a normal distribution, in standard deviations. */
const MIDDLE_HALF = 1.349;
const MEDIAN = 1.2533;
/** Number of standard errors by which the median may be off. */
const SURE = 3;

export interface LatencyVerdict {
  /** "unclear": it looks faster or slower, but by no more than the rounds of the measurement differ. */
  readonly change: "faster" | "slower" | "same" | "unclear";
  /** Ratio of the two medians; above 1 if the compressed model is faster. */
  readonly ratio: number;
}

/**
 * Both comparisons, round by round and median by median, must agree, and the median round must differ from 1
 * by more than noise (3 %) and its own error. The reported ratio is that of the medians, which are shown
 * beside it.
 */
export function latencyVerdict(latency: Latency): LatencyVerdict {
  const { speedup, p50Ratio } = latency;
  const error = errorOf(latency);
  const isFaster = (ratio: number): boolean => ratio * SLOWER_BELOW > 1;
  const isSlower = (ratio: number): boolean => ratio < SLOWER_BELOW;
  if (isFaster(speedup - error) && isFaster(p50Ratio)) return { change: "faster", ratio: p50Ratio };
  if (isSlower(speedup + error) && isSlower(p50Ratio)) return { change: "slower", ratio: p50Ratio };
  const isSame = [speedup, p50Ratio].every((ratio) => !isFaster(ratio) && !isSlower(ratio));
  return { change: isSame ? "same" : "unclear", ratio: p50Ratio };
}

/** Whether model `a` is faster than `b` by more than noise. Both were timed against the same original. */
export function isClearlyFaster(a: Latency, b: Latency): boolean {
  return (a.speedup - errorOf(a)) * SLOWER_BELOW > b.speedup + errorOf(b);
}

/** The error of the median round. */
function errorOf({ speedupRange: [low, high], runs }: Latency): number {
  return (SURE * MEDIAN * (high - low)) / (MIDDLE_HALF * Math.sqrt(runs));
}
