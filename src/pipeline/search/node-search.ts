/**
 * The search for forms of nodes that are wider than int8 with static ranges: first the layers whose ranges are better taken
 * at run time, then the nodes that int8 does not pay for, then those that cost too much accuracy.
 */
import { copyModel, type Model } from "../../ir/index.js";
import type { Statistics } from "../../numeric/statistics.js";
import type { Pass } from "../../passes/contract.js";
import { NO_FORMS } from "../decisions.js";
import { choosePaying } from "./choose-paying.js";
import type { DynamicChoice } from "./dynamic-layers.js";
import { spaceWithDynamicLayers } from "./dynamic-space.js";
import { chooseFloatNodes, type NodeChoice, type NodeSensitivity, type SearchSpace } from "./float-nodes.js";
import type { PayingChoice } from "./paying-nodes.js";
import { isPaidAtRunTime, type Prediction } from "./predicted-choice.js";
import type { AccuracyAim, SearchAims, SearchResult, SearchTools } from "./search-tools.js";

/** @param statistics what the pass asks for, measured on the model; empty without data */
export async function searchForms(model: Model, pass: Pass, statistics: Statistics, aims: SearchAims, tools: SearchTools): Promise<SearchResult> {
  const { accuracy, device } = aims;
  const { logger } = tools;
  if (!tools.dataset && device && isPaidAtRunTime(device)) return { reasons: new Map(), forms: NO_FORMS };
  logger.progress?.({ step: "find layers whose ranges are better taken at run time", done: 0 });
  const { space, dynamic } = await spaceWithDynamicLayers(model, pass, statistics, aims, tools);
  if (space.nodes.length === 0) return { reasons: new Map(), forms: NO_FORMS };
  logger.progress?.({ step: "find nodes that int8 does not pay for", done: 0 });
  const { paying, predicted, shareOf } = await choosePaying(model, space, aims, tools);
  const slow = [...paying?.floatNodes ?? [], ...predicted?.floatNodes ?? []];
  const choice = accuracy && slow.length < space.nodes.length ? await chooseAccurate(without(space, slow), accuracy, tools) : undefined;
  const lossy = choice?.floatNodes ?? [];
  const chosen = lossy.length > 0 ? await shareOf([...slow, ...lossy]) : predicted?.chosen;
  const floatNodes = [...slow, ...lossy];
  const dynamicNodes = (dynamic?.layers ?? []).filter((name) => !floatNodes.includes(name));
  return {
    reasons: new Map([
      ...dynamicNodes.map((name) => [name, whyDynamic(dynamic!)] as const),
      ...slow.map((name) => [name, whySlow(name, paying, predicted)] as const), ...lossy.map((name) => [name, whyLossy(name, choice!)] as const),
    ]),
    forms: { floatNodes, dynamicNodes },
    ...(dynamic ? { dynamic } : {}), ...(paying ? { paying } : {}), ...(choice ? { choice } : {}),
    ...(predicted && chosen !== undefined ? { predicted: { target: predicted.target, floatNodes: predicted.floatNodes, int8: predicted.int8, chosen } } : {}),
  };
}

/** The space in which these nodes are in float for good. */
function without(space: SearchSpace, floatNodes: readonly string[]): SearchSpace {
  const left = new Set(floatNodes);
  return { ...space, nodes: space.nodes.filter(({ name }) => !left.has(name)), build: (names) => space.build([...floatNodes, ...names]) };
}

async function chooseAccurate(space: SearchSpace, { goalDb, byGates, mostShare, seconds }: AccuracyAim, { judges, finish, logger }: SearchTools): Promise<NodeChoice> {
  const finished = async (model: Model): Promise<Model> => {
    const copy = copyModel(model);
    await finish(copy);
    return copy;
  };
  const { enough, keep, memory } = judges;
  return chooseFloatNodes({
    ...space,
    progress: (done, total) => logger.progress?.({ step: "measure what each node costs", done, total }),
    stage: (step) => logger.progress?.({ step, done: 0 }),
    ...(memory ? { remember: (ranking: readonly NodeSensitivity[]) => memory.save([...ranking]) } : {}),
    ...(keep ? { keep: async (model: Model) => keep(await finished(model)) } : {}),
  }, {
    goalDb, mostShare, deadline: performance.now() + 1000 * seconds,
    ...(byGates && enough ? { enough: async (model: Model) => enough(await finished(model)) } : {}),
  }, memory?.ranking);
}

function whySlow(name: string, paying: PayingChoice | undefined, predicted: Prediction | undefined): string {
  const reason = predicted?.reasons.get(name);
  if (reason !== undefined || !paying) return reason ?? "";
  const { floatMs, int8Ms, chosenMs } = paying;
  return `int8 does not pay for it on this machine: ${int8Ms.toFixed(2)} ms with all layers in int8, ${chosenMs.toFixed(2)} ms so, ${floatMs.toFixed(2)} ms in float`;
}

function whyDynamic({ beforeDb, afterDb }: DynamicChoice): string {
  return `its range is taken at run time, though codes reach it: ${afterDb.toFixed(1)} dB with such layers, ${beforeDb.toFixed(1)} dB without`;
}

function whyLossy(name: string, { ranking }: NodeChoice): string {
  const noise = ranking.find((node) => node.name === name)?.noise ?? 0;
  return `left in float for accuracy: its int8 form adds noise of ${(100 * noise).toPrecision(2)} % of the outputs' power`;
}
