/** The search space of the pass, after choosing which layers are quantized dynamically. */
import { calibrate } from "../calibration/calibrate.js";
import { take } from "../data/index.js";
import { gainOf, isGain, type SampleScores } from "../fidelity/index.js";
import { copyModel, type Model } from "../ir/index.js";
import { Statistics } from "../numeric/statistics.js";
import type { Pass } from "../passes/contract.js";
import { chooseDynamicLayers, type DynamicChoice, type IsNoSlower } from "./dynamic-layers.js";
import { shareOfQuantized } from "./by-cost-model.js";
import { quantizationSpace, type QuantizationSpace } from "./quantization-space.js";
import { sampleTypes } from "./sample-types.js";
import type { SearchTools } from "./search-types.js";
import type { SearchAims } from "../plan/search-aims.js";

/** Held-out samples for ranking nodes; a choice is scored on all held-out samples. */
const QUICK_SAMPLES = 16;
/** Fraction of the time for the choice between static and dynamic ranges. */
const DYNAMIC_SHARE = 0.1;
/** Allowed slowdown: smaller differences between interleaved medians are noise. */
const NOISE = 0.03;

/** The space of the pass. With data and an accuracy aim, it uses dynamic ranges where they measure better. */
export async function spaceWithDynamicLayers(
  model: Model,
  pass: Pass,
  statistics: Statistics,
  { speed, accuracy, device }: SearchAims,
  tools: SearchTools,
): Promise<{ readonly space: QuantizationSpace; readonly dynamic?: DynamicChoice }> {
  const { dataset, process, threads, evaluators } = tools;
  const spaceOf = (form: Pass): Promise<QuantizationSpace> =>
    quantizationSpace(model, form, statistics, {
      run: async (each, model, statistics) =>
        (await each.run(model, tools.context(dataset && statistics))).nodes,
      measure: async (model, requests) =>
        dataset
          ? calibrate({ model, dataset: take(dataset, 1), requests, threads, process, logger: {} })
          : new Statistics(),
      score: (model, quick) =>
        quick ? tools.score(model, QUICK_SAMPLES) : scoreRecovered(model, tools, accuracy?.goal === "floor"),
    });
  const space = await spaceOf(pass);
  if (!accuracy || accuracy.goal === "floor" || space.dynamic.layers.length === 0) return { space };
  const types = device ? await sampleTypes(model, dataset) : undefined;
  const isNoSlower: IsNoSlower = async (before, after) => {
    if (device && types)
      return (
        shareOfQuantized(model, types, after, device.costs) <=
        (1 + NOISE) * shareOfQuantized(model, types, before, device.costs)
      );
    const [beforeMs = 0, afterMs = 0] =
      speed && evaluators.time ? await evaluators.time([before, after]) : [];
    return afterMs <= (1 + NOISE) * beforeMs;
  };
  const dynamic = await chooseDynamicLayers(
    space.dynamic,
    performance.now() + DYNAMIC_SHARE * 1000 * accuracy.seconds,
    isNoSlower,
  );
  return {
    space: dynamic.layers.length > 0 ? await spaceOf(pass.atRunTime!(dynamic.layers)) : space,
    dynamic,
  };
}

/** The better score of the model with and without later recovery steps; the model is left in the better state. */
async function scoreRecovered(
  model: Model,
  { score, recover }: SearchTools,
  isFloorEnough: boolean,
): Promise<SampleScores> {
  const plain = await score(model);
  if (!recover || (isFloorEnough && plain.isAtFloor)) return plain;
  const recovered = copyModel(model);
  await recover(recovered);
  const better = await score(recovered);
  if (!isGain(gainOf(plain, better))) return plain;
  Object.assign(model, recovered);
  return better;
}
