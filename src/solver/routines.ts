/**
 * What is solved beside the engine, by name: functions of an engine and of numbers and typed arrays, so that
 * only what goes in and what comes out travels between processes or threads.
 */
export { clusterRows } from "./cluster-rows.js";
export { measureRows } from "./measure-rows.js";
export { refitRows } from "./refit-rows.js";
export { scoreRows } from "./score-rows.js";
export { factorize, solveRows } from "./factorize.js";
export { gram, multiply } from "./products.js";
