/**
 * Every pass, in the order of `edgec passes`. The single place to add one: flags, help, the plan and the
 * documentation derive from this array.
 */
import { EdgecError, suggestion } from "../errors.js";
import { clusterWeights } from "../passes/cluster/cluster-weights.js";
import { encodeWeights } from "../passes/encode/encode-weights.js";
import { storeInt8 } from "../passes/encode/store-int8.js";
import { unpackWeights } from "../passes/encode/unpack-weights.js";
import { deduplicateInitializers } from "../passes/graph/deduplicate-initializers.js";
import { foldBatchNormalization } from "../passes/graph/fold-batch-normalization.js";
import { foldConstants } from "../passes/graph/fold-constants.js";
import { inlineFunctions } from "../passes/graph/inline-functions.js";
import { FUSION_PASSES } from "../passes/graph/fusion-passes.js";
import { inlineIf } from "../passes/graph/inline-if.js";
import { liftConstants } from "../passes/graph/lift-constants.js";
import { mergeChains } from "../passes/graph/merge-chains.js";
import { mergeEqualNodes } from "../passes/graph/merge-equal-nodes.js";
import { removeDead } from "../passes/graph/remove-dead.js";
import { removeIdentities } from "../passes/graph/remove-identities.js";
import { simplifyShapes } from "../passes/graph/simplify-shapes.js";
import { splitFused } from "../passes/graph/split-fused.js";
import { stripDebugInfo } from "../passes/graph/strip-debug-info.js";
import { upgradeOpset } from "../passes/graph/upgrade-opset.js";
import { widenHalf } from "../passes/graph/widen-half.js";
import { pruneMagnitude } from "../passes/prune/prune-magnitude.js";
import { correctBias } from "../passes/quantize/correct-bias.js";
import { equalizeChannels } from "../passes/quantize/equalize-channels.js";
import { refitOutput } from "../passes/quantize/refit-output.js";
import { quantizeInt8 } from "../passes/quantize/quantize-int8.js";
import { roundWeights } from "../passes/quantize/round-weights.js";
import { smoothActivations } from "../passes/quantize/smooth-activations.js";
import { registered, type RegisteredPass } from "./registered-pass.js";

export const PASSES: readonly RegisteredPass[] = [
  registered(inlineFunctions),
  registered(liftConstants),
  registered(removeIdentities),
  registered(foldConstants),
  registered(unpackWeights),
  registered(foldBatchNormalization),
  registered(removeDead),
  registered(deduplicateInitializers),
  ...FUSION_PASSES.map(({ pass }) => registered(pass)),
  registered(simplifyShapes),
  registered(inlineIf),
  registered(mergeChains),
  registered(mergeEqualNodes),
  registered(stripDebugInfo),
  registered(upgradeOpset),
  registered(splitFused),
  registered(widenHalf),
  registered(pruneMagnitude),
  registered(equalizeChannels),
  registered(smoothActivations),
  registered(roundWeights),
  registered(quantizeInt8),
  registered(correctBias),
  registered(refitOutput),
  registered(clusterWeights),
  registered(storeInt8),
  registered(encodeWeights),
];

/** Whether edgec has a pass of this name; a caller's own pass cannot have it. */
export function isRegistered(name: string): boolean {
  return PASSES.some((pass) => pass.name === name);
}

/** Throws EdgecError UNKNOWN_PASS with the nearest name. */
export function findPass(name: string): RegisteredPass {
  const found = PASSES.find((pass) => pass.name === name);
  if (found) return found;
  const names = PASSES.map((pass) => pass.name);
  throw new EdgecError(
    "UNKNOWN_PASS",
    `there is no pass "${name}".${suggestion(name, names)} "edgec passes" lists all passes.`,
  );
}
