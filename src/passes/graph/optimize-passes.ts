/**
 * The exact passes on a graph's structure, in order, after those of the clean-up. One enables another, so they
 * are repeated until none changes anything.
 */
import { inlineIf } from "./inline-if.js";
import { mergeChains } from "./merge-chains.js";
import { mergeEqualNodes } from "./merge-equal-nodes.js";
import { simplifyShapes } from "./simplify-shapes.js";

export const OPTIMIZE_PASSES = [
  { pass: simplifyShapes, reason: "first, because the others need constant conditions and target shapes" },
  { pass: inlineIf, reason: "before chains are merged, because a chain can pass through an If" },
  {
    pass: mergeChains,
    reason: "before equal nodes are merged, because chains of different length may compute the same",
  },
  { pass: mergeEqualNodes, reason: "last, when every node has its final form" },
] as const;
