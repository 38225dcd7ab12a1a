/** The public API. What is not exported here may change at any time. */
export { EdgecError, BadDataError, BadModelError, EXIT, type ErrorCode } from "./errors.js";
export type { Diagnostic, Logger, Progress, Severity } from "./diagnostics.js";

export { compress, type CompressResult } from "./compress/compress.js";
export type { CompressOptions } from "./plan/compress-options.js";
export type { InsertedPass, PassList } from "./plan/pass-list.js";
export { optimize, type OptimizeOptions } from "./compress/optimize.js";
export {
  sensitivity,
  type NodeCost,
  type SensitivityOptions,
  type SensitivityReport,
} from "./compare/sensitivity.js";
export { verify, type VerifyOptions } from "./compare/verify.js";
export type { Across, AcrossOptions } from "./verify/index.js";
export { inspect, type InspectOptions } from "./inspect/inspect.js";
export type {
  Activations,
  FileParts,
  InspectedNode,
  InspectedOperator,
  InspectedValue,
  InspectedWeight,
  Inspection,
  Possibility,
  WeightStatistics,
} from "./inspect/inspection.js";
export {
  diffModels,
  type ModelDiff,
  type OperatorChange,
  type ValueChange,
  type WeightChange,
  type WeightSide,
} from "./inspect/diff-models.js";
export { bench, type BenchedModel, type BenchOptions, type BenchResult } from "./compare/bench.js";

export { readModel, writeModel, type WriteResult } from "./onnx/index.js";
export {
  attribute,
  copyModel,
  DataType,
  floatTensor,
  getAttribute,
  GraphEditor,
  int64Tensor,
  integerTensor,
  isOp,
  makeNode,
  opsetVersion,
  parseModel,
  printModel,
  tensorBytes,
  tensorValue,
  toFloat32,
  type Attribute,
  type Feed,
  type Graph,
  type Model,
  type Node,
  type Tensor,
  type TensorValue,
  type ValueInfo,
  type PrintOptions,
} from "./ir/index.js";

export { definePass } from "./passes/define-pass.js";
export type {
  NodeStatus,
  Pass,
  PassContext,
  PassDefinition,
  NearMiss,
  Strength,
  PassFactory,
  PassFlag,
  PassResult,
  SearchedForms,
} from "./passes/contract.js";
export { NodeSelection, selectNodes } from "./ops/select.js";
export {
  Statistics,
  type ChannelRange,
  type Gram,
  type Histogram,
  type Moments,
  type Range,
  type StatisticRequest,
} from "./numeric/statistics.js";
export { PASSES } from "./plan/registry.js";
export { PROFILES as TARGETS, type CostTable, type TargetProfile } from "./targets/index.js";
export type { RegisteredPass } from "./plan/registered-pass.js";

export { openDataset, type Dataset, type Label, type OpenOptions, type Sample } from "./data/index.js";

export { reportJson } from "./report/formats/json.js";
export { reportMarkdown } from "./report/formats/markdown.js";
export { reportText } from "./report/terminal.js";
export type { Report } from "./report/report.js";
export { SCHEMA_VERSION } from "./version.js";

/** Types that those above name. */
export type { Emulation } from "./compare/emulation.js";
export type { ModelInputs } from "./data/dataset.js";
export type { Change as ModelChange } from "./inspect/diff-models.js";
export type { GivenSizes } from "./inspect/input-shapes.js";
export type { WeightMatch } from "./inspect/match-weights.js";
export type { Annotated, StringEntry } from "./ir/annotations.js";
export type { ByteSource, TensorStore } from "./ir/lazy-bytes.js";
export type { NumericArray } from "./ir/feed.js";
export type { Provenance, FunctionDef, OpsetImport } from "./ir/model.js";
export type { StoredForm } from "./ir/stored-form.js";
export type { ExternalSource, TypedData } from "./ir/tensor.js";
export type { Dimension, OpaqueMessage, TensorType, TypeInfo } from "./ir/value.js";
export type {
  ChannelRangeRequest,
  GramRequest,
  HistogramRequest,
  MomentsRequest,
  RangeRequest,
  RowLayout,
  StatisticOf,
  StoredGram,
} from "./numeric/statistics.js";
export type { ExternalDataOption } from "./onnx/external-data-file.js";
export type { ReadOptions } from "./onnx/read.js";
export type { WriteOptions } from "./onnx/write.js";
export type {
  Compute as PassCompute,
  ConstantEvaluator,
  GivenInput,
  Measure as PassMeasure,
  MeasureLimits,
  TaskArguments,
  TaskName,
  TaskResult,
  Tasks as PassTasks,
  Trainer,
  TrainingRequest,
} from "./passes/contract.js";
export type {
  LinearAlgebra,
  Matrix,
  Reals,
  RoutineArguments,
  RoutineName,
  Routines,
  RunRoutine,
} from "./solver/index.js";
export type { GateOptions } from "./plan/gate-limits.js";
export type { Decisions, NodeForms } from "./plan/replay.js";
export type { ReportedTarget } from "./plan/target-options.js";
export type { Paint as ReportPaint } from "./report/paint.js";
export type { ReportedNode, ReportedSearch } from "./report/report.js";
export type { RunTimes, StageTime } from "./stage-clock.js";
export type { LimitOptions, WorkLimit } from "./run-limits.js";
export type { PassRecord, ReportedNearMiss, TrialResult } from "./run/run-log.js";
export type { StrengthChoice, StrengthTrial } from "./run/strength-search.js";
export type { RuntimeKind } from "./runtime/load.js";
export type {
  LocalSession,
  OnnxRuntime,
  OptimizationLevel,
  Session as RuntimeSession,
  SessionOptions,
  UsedLevel,
} from "./runtime/runtime.js";
export type { NodeChoice, NodeSensitivity, SearchNode } from "./search/by-accuracy.js";
export type { PredictedChoice } from "./search/by-cost-model.js";
export type { PayingChoice } from "./search/by-latency.js";
export type { DynamicChoice } from "./search/dynamic-layers.js";
export type { SearchResult } from "./search/search-types.js";
export type { Int8Kernel, KernelRole, KernelTable, OperandCodes } from "./targets/kernels.js";
export type {
  Activation as ActivationCodes,
  Format as TargetFormat,
  WeightRange,
} from "./targets/profile.js";
export type { Accuracy } from "./verify/accuracy.js";
export type { Combination } from "./verify/compare-across.js";
export type { Fidelity } from "./verify/compare-outputs.js";
export type { Executed, Leftovers } from "./verify/executed.js";
export type { ComparedAt, OutputFidelity, WorstSample } from "./fidelity/index.js";
export type { Gate, GateLimits, Verdict } from "./verify/gates.js";
export type { Latency, Percentiles } from "./verify/latency.js";
export type { LoadComparison, LoadFigures } from "./verify/load.js";
export type { Limit, ShareOfOriginal } from "./limits.js";
export type { ComparedLevels } from "./verify/levels.js";
export type { IndirectOutput } from "./verify/readable-outputs.js";
export type { FileSizes, SizeComparison } from "./verify/size.js";
