/**
 * The exact passes that every model goes through first, in order. One removal enables another, so they are
 * run until none changes anything. strip-debug-info is not among them: the passes that follow read what it
 * drops.
 */
import { deduplicateInitializers } from "./deduplicate-initializers.js";
import { foldBatchNormalization } from "./fold-batch-normalization.js";
import { foldConstants } from "./fold-constants.js";
import { inlineFunctions } from "./inline-functions.js";
import { liftConstants } from "./lift-constants.js";
import { removeDead } from "./remove-dead.js";
import { removeIdentities } from "./remove-identities.js";

export const CLEAN_UP_PASSES = [
  { pass: inlineFunctions, reason: "first: the others do not look into functions" },
  { pass: liftConstants, reason: "before the others, which look for constants among initializers" },
  {
    pass: removeIdentities,
    reason:
      "before folding: an Identity or Dropout between a layer and its normalization would hide one from the other",
  },
  {
    pass: foldConstants,
    reason: "before normalizations: their constants often come through a Reshape or Unsqueeze",
  },
  { pass: foldBatchNormalization, reason: "before duplicates go: it gives each layer weights of its own" },
  { pass: removeDead, reason: "drops what the passes above left unused, before constants are compared" },
  { pass: deduplicateInitializers, reason: "last: what is equal is known once the constants are final" },
] as const;
