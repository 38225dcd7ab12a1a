/** Chooses nodes for which int8 does not pay off: by times on this machine, or by the costs of another device. */
import type { Model } from "../ir/index.js";
import { type CostTable, NATIVE, resolveTarget } from "../targets/index.js";
import type { SearchSpace } from "./by-accuracy.js";
import { choosePayingNodes, type PayingChoice } from "./by-latency.js";
import { predictPayingNodes, type Prediction, predictedShare } from "./by-cost-model.js";
import { sampleTypes } from "./sample-types.js";
import type { SearchTools } from "./search-types.js";
import { timingHints } from "./timing-hints.js";
import type { SearchAims } from "../plan/search-aims.js";

export interface PayingNodes {
  readonly paying?: PayingChoice | undefined;
  readonly predicted?: Prediction | undefined;
  /** The predicted time with these nodes in float, relative to all in float; only if times are predicted. */
  readonly shareOf: (floatNodes: readonly string[]) => Promise<number | undefined>;
}

export async function chooseByLatency(
  model: Model,
  space: SearchSpace,
  { speed, device }: SearchAims,
  { dataset, evaluators }: SearchTools,
): Promise<PayingNodes> {
  const time = speed ? evaluators.time : undefined;
  const types = device || time ? await sampleTypes(model, dataset) : undefined;
  if (!types) return { shareOf: () => Promise.resolve(undefined) };
  return {
    predicted: device ? await predictPayingNodes(model, types, space, device) : undefined,
    paying: time
      ? await choosePayingNodes(space, time, await timingHints(model, types, space, nativeCosts()))
      : undefined,
    shareOf: async (floatNodes) =>
      device ? predictedShare(model, types, space, device, floatNodes) : undefined,
  };
}

/** The costs of this machine, whatever the model's target. */
function nativeCosts(): CostTable {
  return resolveTarget(NATIVE).profile.costs;
}
