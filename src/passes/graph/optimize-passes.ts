/**
 * The exact passes on a graph's structure, in order, after those of the clean-up. One opens the way for another, so they are
 * run until none changes anything.
 */
import { mergeEqualNodes } from "./merge-equal-nodes.js";

export const OPTIMIZE_PASSES = [
  { pass: mergeEqualNodes, reason: "last: what is equal is known once every node has its final form" },
] as const;
