/** The exact part of `compress`: a simpler graph with the same results except for rounding. */
import type { Model } from "../ir/index.js";
import { compress, type CompressResult } from "./compress.js";
import { type KeysOf, withKnownOptions } from "../option-keys.js";
import type { CompressOptions } from "../plan/compress-options.js";
import { OPTIMIZE_WORD } from "../plan/caller-passes.js";

export type OptimizeOptions = Pick<
  CompressOptions,
  | "eval"
  | "trialSeconds"
  | "foldLimit"
  | "loadLimit"
  | "minSqnr"
  | "output"
  | "force"
  | "externalData"
  | "minOrt"
  | "threads"
  | "seed"
  | "verify"
  | "debug"
  | "explain"
  | "packedSizes"
  | "logger"
  | "signal"
>;

const OPTIMIZE_KEYS = {
  eval: true,
  trialSeconds: true,
  foldLimit: true,
  loadLimit: true,
  minSqnr: true,
  output: true,
  force: true,
  externalData: true,
  minOrt: true,
  threads: true,
  seed: true,
  verify: true,
  debug: true,
  explain: true,
  packedSizes: true,
  logger: true,
  signal: true,
} satisfies KeysOf<OptimizeOptions>;

/**
 * Runs exact passes, and fusions that change results by rounding at most, until none changes the model. Checks
 * the result as `compress` does, with the same report and errors. No lossy pass runs, and constants keep the
 * form that they have in the file.
 */
export function optimize(
  input: string | Uint8Array | Model,
  options: OptimizeOptions = {},
): Promise<CompressResult> {
  return withKnownOptions("optimize", OPTIMIZE_KEYS, options, () =>
    compress(input, { ...options, passes: OPTIMIZE_WORD }),
  );
}
