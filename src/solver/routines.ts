/**
 * The routines that run beside the engine, by name. They take an engine, numbers and typed arrays, so that only
 * arguments and results are transferred between processes or threads.
 */
export { clusterRows } from "./cluster-rows.js";
export { measureRows } from "./measure-rows.js";
export { refitRows } from "./refit-rows.js";
export { scoreRows } from "./score-rows.js";
export { factorize, solveRows } from "./factorize.js";
export { gram, multiply } from "./products.js";
