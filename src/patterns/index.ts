/** A language for the patterns that fusions match. */
export { matchAt } from "./match.js";
export { Trace } from "./near-miss.js";
export { CONSTANT_TOLERANCE, exactly, number, scaled, type Scaled, times } from "./numbers.js";
export * from "./pattern.js";
export { rule, type Rule, type RuleParts } from "./rule.js";
