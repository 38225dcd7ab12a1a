/** The half of `compress` that loses nothing but rounding: a simpler graph that computes the same. */
import type { Model } from "../ir/index.js";
import { compress, type CompressResult } from "./compress.js";
import { type KeysOf, withKnownOptions } from "../option-keys.js";
import type { CompressOptions } from "../plan/compress-options.js";
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
 * Runs the passes that lose nothing, and fusions that change results by rounding at most, until none
 * changes the model; the result is checked like that of `compress`, with the same report and errors.
 * Nothing lossy runs, and constants stay in the form in which the file holds them.
 */
export function optimize(
  input: string | Uint8Array | Model,
  options: OptimizeOptions = {},
): Promise<CompressResult> {
  return withKnownOptions("optimize", OPTIMIZE_KEYS, options, () =>
    compress(input, { ...options, passes: OPTIMIZE_WORD }),
  );
}
