export type { ClusteredRows, ClusterProblem } from "./cluster-rows.js";
export type {
  KnownInputs,
  LayerInputs,
  MeasuredInputs,
  SampledInputs,
  StoredInputs,
} from "./input-system.js";
export { measuredInputs, sampledInputs, scaledMoments } from "./input-system.js";
export {
  type LinearAlgebra,
  linearAlgebraOver,
  type RoutineArguments,
  type RoutineName,
  type Routines,
  runPlainly,
  runRoutine,
  type RunRoutine,
} from "./linear-algebra.js";
export { type Matrix, type MatrixEngine, matrixOf, type Reals } from "./matrix.js";
export { PLAIN_ENGINE } from "./plain-engine.js";
export type { RefitRows } from "./refit-rows.js";
export type { MeasuredRows } from "./measure-removals.js";
export { scoresBy } from "./score-rows.js";
