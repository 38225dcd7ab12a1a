/** Compares the times of two models, measured in turns. */
import { quantile } from "../numeric/quantile.js";
import type { ModelTimes } from "../runtime/index.js";

/** Below this speed-up a model counts as slower: medians of interleaved runs repeat within about 3 %. */
export const SLOWER_BELOW = 0.97;

export interface Percentiles {
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Interquartile range of the times divided by the median: how busy the machine was. */
  readonly spread: number;
}

export interface Latency {
  readonly original: Percentiles;
  readonly compressed: Percentiles;
  /**
   * Median over the rounds of original time ÷ compressed time; above 1 is faster. A drift of the machine does
   * not affect it.
   */
  readonly speedup: number;
  /** Ratio of the two medians. If it is far from `speedup`, the machine was too busy to measure on. */
  readonly p50Ratio: number;
  /** Interquartile range of the rounds' ratios. */
  readonly speedupRange: readonly [number, number];
  readonly threads: number;
  readonly runs: number;
  /** "onnxruntime-node 1.30.0" */
  readonly runtime: string;
}

/** Entry i of both lists must come from the same round. */
export function compareTimes(
  original: ModelTimes,
  compressed: ModelTimes,
  about: { threads: number; runtime: string },
): Latency {
  const ratios = original.samplesMs.map((time, round) => time / (compressed.samplesMs[round] ?? NaN));
  const [before, after] = [percentiles(original.samplesMs), percentiles(compressed.samplesMs)];
  return {
    original: before,
    compressed: after,
    speedup: quantile(ratios, 0.5),
    p50Ratio: before.p50Ms / after.p50Ms,
    speedupRange: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    threads: about.threads,
    runs: original.samplesMs.length,
    runtime: about.runtime,
  };
}

export function percentiles(samplesMs: readonly number[]): Percentiles {
  const p50Ms = quantile(samplesMs, 0.5);
  return {
    p50Ms,
    p95Ms: quantile(samplesMs, 0.95),
    spread: (quantile(samplesMs, 0.75) - quantile(samplesMs, 0.25)) / p50Ms,
  };
}
