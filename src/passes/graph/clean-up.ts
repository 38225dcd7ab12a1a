/**
 * The exact passes that every model goes through first, in order. One removal enables another, so they are
 * repeated until none changes anything. strip-debug-info is not among them, because later passes read what it
 * removes.
 */
import { deduplicateInitializers } from "./deduplicate-initializers.js";
import { foldBatchNormalization } from "./fold-batch-normalization.js";
import { foldConstants } from "./fold-constants.js";
import { inlineFunctions } from "./inline-functions.js";
import { liftConstants } from "./lift-constants.js";
import { removeDead } from "./remove-dead.js";
import { removeIdentities } from "./remove-identities.js";

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
