/**
 * The exact passes on a graph's structure, in order, after those of the clean-up. One opens the way for
 * another, so they are run until none changes anything.
 */
import { inlineIf } from "./inline-if.js";
import { mergeChains } from "./merge-chains.js";
import { mergeEqualNodes } from "./merge-equal-nodes.js";
import { simplifyShapes } from "./simplify-shapes.js";

export const OPTIMIZE_PASSES = [
  {
    pass: simplifyShapes,
    reason: "first: conditions and targets that become constants are what the others look for",
  },
  { pass: inlineIf, reason: "before chains are merged: a body between two steps hides one from the other" },
  { pass: mergeChains, reason: "before equal nodes: chains of different length may come to the same" },
  { pass: mergeEqualNodes, reason: "last: what is equal is known once every node has its final form" },
] as const;
