/** What a run over planned passes takes. */
import type { CalibrationProcess } from "../calibration/process.js";
import type { Dataset } from "../data/dataset.js";
import type { Logger } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import type { Statistics } from "../numeric/statistics.js";
import type { Compute, ConstantEvaluator, Trainer } from "../passes/contract.js";
import type { ModelEvaluators } from "../search/search-types.js";
import type { Scorer } from "./step-trials.js";

export interface RunOptions {
  /** Where statistics come from; without it passes get none. */
  readonly dataset?: Dataset | undefined;
  /**
   * Scores models on samples that are not in `dataset`, given the reference and where to run both. Without
   * it steps that must prove themselves are left out.
   */
  readonly scorer?: ((reference: Model, process: CalibrationProcess) => Scorer) | undefined;
  /** What a search for nodes to leave in float goes by besides the score. */
  readonly evaluators?: ModelEvaluators;
  readonly evaluator?: ConstantEvaluator | undefined;
  /** Where passes have their heavy work done; default: in place. */
  readonly compute?: Compute | undefined;
  /** What the caller of the library gives passes that train. */
  readonly trainer?: Trainer | undefined;
  /** When passes are to take what they have; see `PassContext`. */
  readonly deadline?: number | undefined;
  readonly logger: Logger;
  readonly seed: number;
  readonly threads: number;
  /**
   * Statistics of an earlier run, to take instead of measuring (see `RunResult.statistics`). What is
   * measured is added.
   */
  readonly recorded?: Map<string, Statistics>;
  /** Validates the model after every pass. */
  readonly debug?: boolean;
  /**
   * With `debug`: writes the model as it was before a pass that failed, and returns the path.
   */
  readonly dump?: (model: Uint8Array, passName: string) => Promise<string>;
}
