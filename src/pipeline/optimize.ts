/** The half of `compress` that loses nothing but rounding: a simpler graph that computes the same. */
import type { Model } from "../ir/index.js";
import { compress, type CompressResult } from "./compress.js";
import type { CompressOptions } from "./compress-options.js";
import { OPTIMIZE_ALIAS } from "./plan.js";

export type OptimizeOptions = Pick<CompressOptions, "eval" | "trialSeconds" | "foldLimit" | "loadLimit" | "minSqnr" | "output" | "force" | "externalData" | "minOrt" | "threads" | "seed" | "verify" | "debug" | "logger" | "signal">;

/**
 * Runs the passes that lose nothing, and fusions that change results by rounding at most, until none changes the model; the result is checked like that of `compress`, with the same
 * report and errors. Nothing lossy runs, and constants stay in the form in which the file holds them.
 */
export function optimize(input: string | Uint8Array | Model, options: OptimizeOptions = {}): Promise<CompressResult> {
  return compress(input, { ...options, passes: OPTIMIZE_ALIAS, packedSizes: false });
}
