/** Options of a run of planned passes. */
import type { CalibrationProcess } from "../calibration/process.js";
import type { Dataset } from "../data/dataset.js";
import type { Logger } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import type { Statistics } from "../numeric/statistics.js";
import type { Compute, ConstantEvaluator, Trainer } from "../passes/contract.js";
import type { ModelEvaluators } from "../search/search-types.js";
import type { Scorer } from "./step-trials.js";

export interface RunOptions {
  /** The data for statistics; without it, passes get none. */
  readonly dataset?: Dataset | undefined;
  /**
   * Scores models on samples that are not in `dataset`, given the reference and the process to run both in.
   * Without it, steps that run on trial are left out.
   */
  readonly scorer?: ((reference: Model, process: CalibrationProcess) => Scorer) | undefined;
  /** Further criteria of a search for nodes to leave in float, besides the score. */
  readonly evaluators?: ModelEvaluators;
  readonly evaluator?: ConstantEvaluator | undefined;
  /** Runs the heavy work of passes; default: in place. */
  readonly compute?: Compute | undefined;
  /** The caller's trainer, for passes that train. */
  readonly trainer?: Trainer | undefined;
  /** When passes must stop improving and return what they have; see `PassContext`. */
  readonly deadline?: number | undefined;
  readonly logger: Logger;
  readonly seed: number;
  readonly threads: number;
  /**
   * Statistics of an earlier run, used instead of measuring again (see `RunResult.statistics`). New ones are
   * added.
   */
  readonly recorded?: Map<string, Statistics>;
  /** Called with the model before the first pass that may change results, if an exact one has changed the model. */
  readonly beforeLoss?: (model: Model) => Promise<void>;
  /** Validates the model after every pass. */
  readonly debug?: boolean;
  /**
   * With `debug`: writes the model as it was before a pass that failed, and returns the path.
   */
  readonly dump?: (model: Uint8Array, passName: string) => Promise<string>;
}
