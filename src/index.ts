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
} from "./ir/index.js";

export { definePass } from "./passes/define-pass.js";
export type {
  NodeStatus,
  Pass,
  PassContext,
  PassDefinition,
  PassFactory,
  PassFlag,
  PassResult,
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

export { reportJson } from "./report/json.js";
export { reportMarkdown } from "./report/markdown.js";
export { reportText } from "./report/terminal.js";
export type { Report } from "./report/report.js";
export { SCHEMA_VERSION } from "./version.js";
