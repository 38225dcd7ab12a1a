/** The aims, inputs and results of a search for the forms of nodes. */
import type { CalibrationProcess } from "../calibration/process.js";
import type { Dataset } from "../data/index.js";
import type { Logger } from "../diagnostics.js";
import type { SampleScores } from "../fidelity/index.js";
import type { Model } from "../ir/index.js";
import type { Statistics } from "../numeric/statistics.js";
import type { PassContext } from "../passes/contract.js";
import type { NodeForms } from "../plan/replay.js";
import type { DynamicChoice } from "./dynamic-layers.js";
import type { NodeChoice, NodeSensitivity } from "./by-accuracy.js";
import type { PayingChoice, Timer } from "./by-latency.js";
import type { PredictedChoice } from "./by-cost-model.js";

/** What a search uses, besides the score, to evaluate a model. */
export interface ModelEvaluators {
  /** Absent if times are meaningless: for another target, or without a runtime. */
  readonly time?: Timer;
  /** Whether a finished model meets the accuracy gates. Absent without such gates. */
  readonly meetsGates?: (model: Model) => Promise<boolean>;
  /** Called with each finished model that is the best so far. */
  readonly onBest?: (model: Model) => Promise<void>;
  /** Measurements of an earlier search, and storage for those of this one. */
  readonly memory?: {
    readonly ranking: readonly NodeSensitivity[] | undefined;
    save(ranking: readonly NodeSensitivity[]): void;
  };
}

export interface SearchTools {
  readonly dataset: Dataset | undefined;
  readonly process: CalibrationProcess;
  readonly threads: number;
  readonly logger: Logger;
  readonly evaluators: ModelEvaluators;
  readonly context: (statistics: Statistics | undefined) => PassContext;
  /** How close a model is to the reference on each of the first `most` samples. */
  readonly score: (model: Model, most?: number) => Promise<SampleScores>;
  /** Applies the later steps that recover accuracy to a model; undefined if there are none. */
  readonly recover: ((model: Model) => Promise<void>) | undefined;
  /** Applies the other later steps to a model. */
  readonly finish: (model: Model) => Promise<void>;
}

export interface SearchResult {
  /** The pass whose forms were chosen. */
  readonly pass: string;
  /** Why each node has a form other than static int8, by its name. */
  readonly reasons: ReadonlyMap<string, string>;
  readonly forms: NodeForms;
  readonly dynamic?: DynamicChoice;
  readonly paying?: PayingChoice;
  readonly predicted?: PredictedChoice;
  readonly choice?: NodeChoice;
}
