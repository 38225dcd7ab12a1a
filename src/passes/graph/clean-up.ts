/**
 * The exact passes that clean up and simplify a graph, in order. One change enables another, so each list is
 * repeated until none of its passes changes anything.
 */
import { deduplicateInitializers } from "./deduplicate-initializers.js";
import { foldBatchNormalization } from "./fold-batch-normalization.js";
import { foldConstants } from "./fold-constants.js";
import { inlineFunctions } from "./inline-functions.js";
import { inlineIf } from "./inline-if.js";
import { liftConstants } from "./lift-constants.js";
import { mergeChains } from "./merge-chains.js";
import { mergeEqualNodes } from "./merge-equal-nodes.js";
import { removeDead } from "./remove-dead.js";
import { removeIdentities } from "./remove-identities.js";
import { simplifyShapes } from "./simplify-shapes.js";

/** For every model. strip-debug-info is not among them, because later passes read what it removes. */
export const CLEAN_UP_PASSES = [
  { pass: inlineFunctions, reason: "first, because the other passes do not look into functions" },
  { pass: liftConstants, reason: "before the passes that expect constants to be initializers" },
  {
    pass: removeIdentities,
    reason: "before folding: an Identity or Dropout between a layer and its normalization would prevent it",
  },
  {
    pass: foldConstants,
    reason: "before normalizations are folded: their constants often come through a Reshape or Unsqueeze",
  },
  {
    pass: foldBatchNormalization,
    reason: "before duplicates are removed, because it gives each layer its own weights",
  },
  { pass: removeDead, reason: "removes what the earlier passes left unused, before constants are compared" },
  { pass: deduplicateInitializers, reason: "last, when the constants are final" },
] as const;

/** For code that only reads a graph: afterwards constants are initializers, and no call hides nodes. */
export const INLINING_PASSES = [liftConstants, inlineFunctions];

/** On the structure of a graph that is cleaned up. */
export const OPTIMIZE_PASSES = [
  { pass: simplifyShapes, reason: "first, because the others need constant conditions and target shapes" },
  { pass: inlineIf, reason: "before chains are merged, because a chain can pass through an If" },
  {
    pass: mergeChains,
    reason: "before equal nodes are merged, because chains of different length may compute the same",
  },
  { pass: mergeEqualNodes, reason: "last, when every node has its final form" },
] as const;
