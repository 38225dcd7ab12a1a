export { LEVELS } from "../runtime/index.js";
export {
  compareAcross,
  RUNTIMES,
  type Across,
  type AcrossOptions,
  type Combination,
} from "./compare-across.js";
export { BUILT_IN_METRICS, topK, type Accuracy, type Metric, type MetricMeter } from "./accuracy.js";
export { compareOutputs, type Fidelity, type OutputComparison } from "./compare-outputs.js";
export { describeExecuted, readExecuted, type Executed, type Leftovers } from "./executed.js";
export { randomFeeds, type RandomFeedsOptions } from "./feeds.js";
export { checkGates, type Gate, type GateLimits, type Verdict } from "./gates.js";
export { type ComparedLevels, requireLevel } from "./levels.js";
export { loaded, readableFiles, timed } from "./readable-files.js";
export { readableOutputs, type IndirectOutput, type ReadableModel } from "./readable-outputs.js";
export { compareTimes, percentiles, SLOWER_BELOW, type Latency, type Percentiles } from "./latency.js";
export { bearsOut, SCALE, type ScaleFault, scaleSuspicion } from "./input-scale.js";
export { type DataSummary, type InputSummary, summarize } from "./input-summary.js";
export { isClearlyFaster, latencyVerdict, type LatencyVerdict } from "./latency-verdict.js";
export { compareLoads, measureLoad, type LoadComparison, type LoadFigures } from "./load.js";
export {
  compareSizes,
  isSameFile,
  modelSizes,
  sizesOf,
  type FileSizes,
  type SizeComparison,
} from "./size.js";
export { factsOf, type ModelFacts } from "./model-facts.js";
export { loadMetric, requireMetric, type ScoredSample } from "./user-metric.js";
export {
  comparedSession,
  verifyModels,
  type VerifyModelsOptions,
  type VerifyReport,
} from "./verify-models.js";
