/**
 * Searches for nodes that need a form other than static int8: first the layers that are better quantized
 * dynamically, then the nodes for which int8 does not pay off, then those that cost too much accuracy.
 */
import { copyModel, type Model } from "../ir/index.js";
import type { Statistics } from "../numeric/statistics.js";
import type { Pass } from "../passes/contract.js";
import { NO_FORMS } from "../plan/replay.js";
import { chooseByLatency, FIND_UNPAID } from "./choose-by-latency.js";
import type { DynamicChoice } from "./dynamic-layers.js";
import { spaceWithDynamicLayers } from "./dynamic-ranges.js";
import { chooseFloatNodes, type NodeChoice, type NodeSensitivity, type SearchSpace } from "./by-accuracy.js";
import type { PayingChoice } from "./by-latency.js";
import { isPaidAtRunTime, type Prediction } from "./by-cost-model.js";
import type { SearchResult, SearchTools } from "./search-types.js";
import type { AccuracyAim, SearchAims } from "../plan/search-aims.js";

/** @param statistics the statistics that the pass requests, measured on the model; empty without data */
export async function searchForms(
  model: Model,
  pass: Pass,
  statistics: Statistics,
  aims: SearchAims,
  tools: SearchTools,
): Promise<SearchResult> {
  const { accuracy, device } = aims;
  const { logger } = tools;
  if (!tools.dataset && device && isPaidAtRunTime(device))
    return { pass: pass.name, reasons: new Map(), forms: NO_FORMS };
  logger.progress?.({ step: "find layers that need ranges computed at run time", done: 0 });
  const { space, dynamic } = await spaceWithDynamicLayers(model, pass, statistics, aims, tools);
  if (space.nodes.length === 0) return { pass: pass.name, reasons: new Map(), forms: NO_FORMS };
  logger.progress?.({ step: FIND_UNPAID, done: 0 });
  const { paying, predicted, shareOf } = await chooseByLatency(model, space, aims, tools);
  const slow = [...(paying?.floatNodes ?? []), ...(predicted?.floatNodes ?? [])];
  const choice =
    accuracy && slow.length < space.nodes.length
      ? await chooseAccurate(without(space, slow), accuracy, tools)
      : undefined;
  const lossy = choice?.floatNodes ?? [];
  const chosen = lossy.length > 0 ? await shareOf([...slow, ...lossy]) : predicted?.chosen;
  const floatNodes = [...slow, ...lossy];
  const dynamicNodes = (dynamic?.layers ?? []).filter((name) => !floatNodes.includes(name));
  return {
    pass: pass.name,
    reasons: new Map([
      ...dynamicNodes.map((name) => [name, whyDynamic(dynamic!)] as const),
      ...slow.map((name) => [name, whySlow(name, paying, predicted)] as const),
      ...lossy.map((name) => [name, whyLossy(name, choice!)] as const),
    ]),
    forms: { floatNodes, dynamicNodes },
    ...(dynamic ? { dynamic } : {}),
    ...(paying ? { paying } : {}),
    ...(choice ? { choice } : {}),
    ...(predicted && chosen !== undefined
      ? {
          predicted: {
            target: predicted.target,
            floatNodes: predicted.floatNodes,
            int8: predicted.int8,
            chosen,
          },
        }
      : {}),
  };
}

/** The space with these nodes permanently in float. */
function without(space: SearchSpace, floatNodes: readonly string[]): SearchSpace {
  const left = new Set(floatNodes);
  return {
    ...space,
    nodes: space.nodes.filter(({ name }) => !left.has(name)),
    build: (names) => space.build([...floatNodes, ...names]),
  };
}

async function chooseAccurate(
  space: SearchSpace,
  { goal, maxShare, seconds, measurements }: AccuracyAim,
  { evaluators, finish, logger }: SearchTools,
): Promise<NodeChoice> {
  const finished = async (model: Model): Promise<Model> => {
    const copy = copyModel(model);
    await finish(copy);
    return copy;
  };
  const { meetsGates } = evaluators;
  // The search for the floor is short: it is not continued, and leaves no models on the way.
  const { onBest, memory } = goal === "floor" ? {} : evaluators;
  const deadline = performance.now() + 1000 * seconds;
  const told: SearchSpace = {
    ...space,
    progress: (done, total) =>
      logger.progress?.({ step: "measure the accuracy cost of each node", done, total }),
    stage: (step) => logger.progress?.({ step, done: 0 }),
    ...(memory ? { remember: (ranking: readonly NodeSensitivity[]) => memory.save([...ranking]) } : {}),
    ...(onBest ? { onBest: async (model: Model) => onBest(await finished(model)) } : {}),
  };
  return chooseFloatNodes(
    told,
    {
      isEnough: ({ db, isAtFloor }) => (typeof goal === "number" ? db >= goal : isAtFloor),
      maxShare,
      triesAll: goal === "floor",
      deadline,
      ...(measurements === undefined ? {} : { measurements }),
      ...(goal === "gates" && meetsGates
        ? { meetsGates: async (model: Model) => meetsGates(await finished(model)) }
        : {}),
    },
    memory?.ranking,
  );
}

function whySlow(name: string, paying: PayingChoice | undefined, predicted: Prediction | undefined): string {
  const reason = predicted?.reasons.get(name);
  if (reason !== undefined || !paying) return reason ?? "";
  const { floatMs, int8Ms, chosenMs } = paying;
  return (
    `int8 does not pay off on this machine: ${int8Ms.toFixed(2)} ms with all layers in ` +
    `int8, ${chosenMs.toFixed(2)} ms with this choice, ${floatMs.toFixed(2)} ms in float`
  );
}

function whyDynamic({ beforeDb, afterDb }: DynamicChoice): string {
  return (
    "its range is computed at run time, although its input is already quantized: " +
    `${afterDb.toFixed(1)} dB with such layers, ${beforeDb.toFixed(1)} dB without`
  );
}

function whyLossy(name: string, { ranking }: NodeChoice): string {
  const noise = ranking.find((node) => node.name === name)?.noise ?? 0;
  return (
    "left in float for accuracy: int8 here would add noise worth " +
    `${(100 * noise).toPrecision(2)} % of the output power`
  );
}
