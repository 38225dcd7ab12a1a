/** Chooses nodes for which int8 does not pay off: by times on this machine, or by the costs of another device. */
import type { Logger } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import { type CostTable, NATIVE, resolveTarget } from "../targets/index.js";
import type { SearchSpace } from "./by-accuracy.js";
import { choosePayingNodes, type PayingChoice, TIMED_ROUNDS, type Timer } from "./by-latency.js";
import { predictPayingNodes, type Prediction, predictedShare } from "./by-cost-model.js";
import { sampleTypes } from "./sample-types.js";
import type { SearchTools } from "./search-types.js";
import { timingHints } from "./timing-hints.js";
import type { SearchAims } from "../plan/search-aims.js";

/** The step of progress while nodes are looked for that int8 does not pay for. */
export const FIND_UNPAID = "find nodes that int8 does not make faster";

interface PayingNodes {
  readonly paying?: PayingChoice | undefined;
  readonly predicted?: Prediction | undefined;
  /** The predicted time with these nodes in float, relative to all in float; only if times are predicted. */
  readonly shareOf: (floatNodes: readonly string[]) => Promise<number | undefined>;
}

export async function chooseByLatency(
  model: Model,
  space: SearchSpace,
  { speed, device }: SearchAims,
  { dataset, evaluators, logger }: SearchTools,
): Promise<PayingNodes> {
  const time = speed && evaluators.time ? counted(evaluators.time, logger) : undefined;
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

/** Reports each round of timings as progress. */
function counted(time: Timer, logger: Logger): Timer {
  let done = 0;
  return (models) => {
    logger.progress?.({ step: FIND_UNPAID, done: done++, total: TIMED_ROUNDS });
    return time(models);
  };
}

/** The costs of this machine, whatever the model's target. */
function nativeCosts(): CostTable {
  return resolveTarget(NATIVE).profile.costs;
}
