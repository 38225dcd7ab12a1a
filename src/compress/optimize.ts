/** The exact part of `compress`: a simpler graph with the same results except for rounding. */
import type { Model } from "../ir/index.js";
import { compress, type CompressResult } from "./compress.js";
import { type KeysOf, withKnownOptions } from "../option-keys.js";
import { COMPRESS_KEYS, type CompressOptions } from "../plan/compress-options.js";
import { OPTIMIZE_WORD } from "../plan/pass-names.js";

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
  eval: COMPRESS_KEYS.eval,
  trialSeconds: COMPRESS_KEYS.trialSeconds,
  foldLimit: COMPRESS_KEYS.foldLimit,
  loadLimit: COMPRESS_KEYS.loadLimit,
  minSqnr: COMPRESS_KEYS.minSqnr,
  output: COMPRESS_KEYS.output,
  force: COMPRESS_KEYS.force,
  externalData: COMPRESS_KEYS.externalData,
  minOrt: COMPRESS_KEYS.minOrt,
  threads: COMPRESS_KEYS.threads,
  seed: COMPRESS_KEYS.seed,
  verify: COMPRESS_KEYS.verify,
  debug: COMPRESS_KEYS.debug,
  explain: COMPRESS_KEYS.explain,
  packedSizes: COMPRESS_KEYS.packedSizes,
  logger: COMPRESS_KEYS.logger,
  signal: COMPRESS_KEYS.signal,
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
