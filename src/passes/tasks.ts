/**
 * The heavy work of passes, by name: pure functions of numbers and typed arrays, which `Compute` runs on
 * threads. Arguments and results are copied or transferred, never shared.
 */
export { clusterFlat } from "../numeric/k-means.js";
export { aliveInPattern } from "../numeric/pruning.js";
export { refitLinear } from "../numeric/refit.js";
export { roundGroups } from "../numeric/round-rows.js";
export { runPlainly } from "../solver/index.js";
export { quantizeToInt8 } from "./encode/int8-channels.js";
