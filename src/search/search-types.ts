/** What a search for forms of nodes aims at, what it works with, and what comes of it. */
import type { CalibrationProcess } from "../calibration/process.js";
import type { Dataset } from "../data/index.js";
import type { Logger } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import type { Statistics } from "../numeric/statistics.js";
import type { PassContext } from "../passes/contract.js";
import type { NodeForms } from "../plan/replay.js";
import type { DynamicChoice } from "./dynamic-layers.js";
import type { NodeChoice, NodeSensitivity } from "./by-accuracy.js";
import type { PayingChoice, Timer } from "./by-latency.js";
import type { PredictedChoice } from "./by-cost-model.js";

/** What a search uses besides the score to evaluate a model. */
export interface ModelEvaluators {
  /** Absent where times say nothing: for another target, or without a runtime. */
  readonly time?: Timer;
  /** Whether the gates on accuracy hold for a finished model. Absent without such gates. */
  readonly meetsGates?: (model: Model) => Promise<boolean>;
  /** Called with each finished model that is the best so far. */
  readonly onBest?: (model: Model) => Promise<void>;
  /** What an earlier search has measured, and the place for what this one does. */
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
  /** How near a model is to the reference, dB; over the first `most` samples. */
  readonly score: (model: Model, most?: number) => Promise<number>;
  /** Does to a model what later steps would that recover accuracy; undefined when none would. */
  readonly recover: ((model: Model) => Promise<void>) | undefined;
  /** Does to a model what the other later steps would. */
  readonly finish: (model: Model) => Promise<void>;
}

export interface SearchResult {
  /** The pass that forms were chosen for. */
  readonly pass: string;
  /** Why each node has another form than int8 with static ranges, by its name. */
  readonly reasons: ReadonlyMap<string, string>;
  readonly forms: NodeForms;
  readonly dynamic?: DynamicChoice;
  readonly paying?: PayingChoice;
  readonly predicted?: PredictedChoice;
  readonly choice?: NodeChoice;
}
