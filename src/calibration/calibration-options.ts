/** What is measured, on what, and within which limits. */
import type { Dataset } from "../data/dataset.js";
import type { Logger } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import type { StatisticRequest } from "../numeric/statistics.js";
import type { Continuation } from "./continuation.js";
import type { CalibrationProcess } from "./process.js";

export interface CalibrationOptions {
  readonly model: Model;
  readonly dataset: Dataset;
  readonly requests: readonly StatisticRequest[];
  /** Threads of the runtime; default: all processors. */
  readonly threads?: number;
  readonly logger?: Logger;
  /**
   * Most bytes of one sample's measured activations in memory at once; default 256 MiB. Beyond it the model
   * runs in segments.
   */
  readonly activationBytes?: number;
  /** Most bytes of one Gram matrix (8 d² per group of d features); default 1 GiB. Larger ones are left out. */
  readonly gramBytes?: number;
  /**
   * Most bytes of Gram matrices accumulated at once; default 192 MiB. Beyond it the model runs in rounds, each from
   * the values at the end of the one before it.
   */
  readonly roundBytes?: number;
  /**
   * Most bytes on disk of the values that one round hands to the next; default 4 GiB. Beyond it, the front part of
   * the model runs again.
   */
  readonly boundaryBytes?: number;
  /** Skips the sample run that finds sizes, because the requests are known to be small. */
  readonly inOneRound?: boolean;
  /** The process to run in; default: a new one that ends when done. */
  readonly process?: CalibrationProcess;
  /** Present if others follow that request `later`, on models that differ in what makes the tensors requested now. */
  readonly continued?: { readonly by: Continuation; readonly later: readonly StatisticRequest[] };
}

const MIB = 2 ** 20;

/** What holds where the options say nothing else. */
export const DEFAULTS = {
  activationBytes: 256 * MIB,
  gramBytes: 1024 * MIB,
  roundBytes: 192 * MIB,
  boundaryBytes: 4096 * MIB,
};
