/** What two models' times say of each other, and whether they say it clearly. */
import { type Latency, SLOWER_BELOW } from "./latency.js";

/** Standard deviations of the middle half of a normal distribution, and of its median for each sample. */
const MIDDLE_HALF = 1.349;
const MEDIAN = 1.2533;
/** Standard errors of the median that it may be off by. */
const SURE = 3;

export interface LatencyVerdict {
  /** "unclear": it looks faster or slower, by no more than the rounds of the measurement differ among each other. */
  readonly change: "faster" | "slower" | "same" | "unclear";
  /** Quotient of the two medians, above 1 where the compressed model is faster. */
  readonly ratio: number;
}

/**
 * The two ways to compare times, round by round and median by median, must agree, and the median round must be further
 * from the noise (3 %) than it may be off. Where they do, the quotient of the medians, which stand beside it, is told.
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

/** Whether one model is faster beyond the noise than another one that was timed against the same original. */
export function isClearlyFaster(a: Latency, b: Latency): boolean {
  return (a.speedup - errorOf(a)) * SLOWER_BELOW > b.speedup + errorOf(b);
}

/** Of the median round. */
function errorOf({ speedupRange: [low, high], runs }: Latency): number {
  return (SURE * MEDIAN * (high - low)) / (MIDDLE_HALF * Math.sqrt(runs));
}
