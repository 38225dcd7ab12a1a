/**
 * The search for forms of nodes that are wider than int8 with static ranges: first the layers whose ranges are better taken
 * at run time, then the nodes that int8 does not pay for, then those that cost too much accuracy.
 */
import { calibrate } from "../../calibration/calibrate.js";
import type { CalibrationProcess } from "../../calibration/process.js";
import { take, type Dataset } from "../../data/index.js";
import type { Logger } from "../../diagnostics.js";
import { copyModel, type Model } from "../../ir/index.js";
import { Statistics } from "../../numeric/statistics.js";
import type { Pass, PassContext } from "../../passes/contract.js";
import { NO_FORMS, type NodeForms } from "../decisions.js";
import { type CostTable, NATIVE, resolveTarget } from "../../targets/index.js";
import { chooseDynamicLayers, type DynamicChoice, type IsNoSlower } from "./dynamic-layers.js";
import { chooseFloatNodes, type NodeChoice, type NodeSensitivity, type SearchSpace } from "./float-nodes.js";
import { choosePayingNodes, type PayingChoice, type Timer } from "./paying-nodes.js";
import { type Device, type PredictedChoice, isPaidAtRunTime, predictPayingNodes, type Prediction, predictedShare } from "./predicted-choice.js";
import { quantizationSpace, type QuantizationSpace } from "./quantization-space.js";
import { sampleTypes } from "./sample-types.js";
import { timingHints } from "./timing-hints.js";

/** What a search aims at. */
export interface SearchAims {
  /** Leaves nodes in float that int8 does not pay for on this machine. */
  readonly speed: boolean;
  /** Leaves nodes in float that int8 does not pay for there, by the device's table of costs. */
  readonly device?: Device;
  readonly accuracy?: AccuracyAim;
}

/** Whether samples must be held out for the search. A prediction takes none. */
export function needsJudges(aims: SearchAims | undefined): boolean {
  return aims !== undefined && (aims.speed || aims.accuracy !== undefined);
}

export interface AccuracyAim {
  /** Mean signal-to-noise ratio of the outputs to reach on held-out samples, dB. */
  readonly goalDb: number;
  /** Whether the gates of the run decide instead, on its evaluation data. */
  readonly byGates: boolean;
  /** Share of the multiply-accumulates that may go back to float, 0 to 1. */
  readonly mostShare: number;
  readonly seconds: number;
}

/** What the surroundings of a run can tell of a model. */
export interface ModelJudges {
  /** Absent where times say nothing: for another target, or without a runtime. */
  readonly time?: Timer;
  /** Whether the gates on accuracy hold for a finished model. Absent without such gates. */
  readonly enough?: (model: Model) => Promise<boolean>;
  /** Writes a finished model as the best so far. */
  readonly keep?: (model: Model) => Promise<void>;
  /** What an earlier search has measured, and the place for what this one does. */
  readonly memory?: { readonly ranking: readonly NodeSensitivity[] | undefined; save(ranking: readonly NodeSensitivity[]): void };
}

export interface SearchTools {
  readonly dataset: Dataset | undefined;
  readonly process: CalibrationProcess;
  readonly threads: number;
  readonly logger: Logger;
  readonly judges: ModelJudges;
  readonly context: (statistics: Statistics | undefined) => PassContext;
  /** How near a model is to the reference, dB; over the first `most` samples. */
  readonly score: (model: Model, most?: number) => Promise<number>;
  /** Does to a model what later steps would that recover accuracy; undefined when none would. */
  readonly recover: ((model: Model) => Promise<void>) | undefined;
  /** Does to a model what the other later steps would. */
  readonly finish: (model: Model) => Promise<void>;
}

export interface SearchResult {
  /** Why each node has another form than int8 with static ranges, by its name. */
  readonly reasons: ReadonlyMap<string, string>;
  readonly forms: NodeForms;
  readonly dynamic?: DynamicChoice;
  readonly paying?: PayingChoice;
  readonly predicted?: PredictedChoice;
  readonly choice?: NodeChoice;
}

/** Held-out samples that tell nodes apart; a choice is judged on all of them. */
const QUICK_SAMPLES = 16;
/** Share of the time that is spent on the choice between ranges that are fixed and ranges taken at run time. */
const DYNAMIC_SHARE = 0.1;
/** How much slower they may make the model: differences below are noise between interleaved medians. */
const NOISE = 0.03;

/** @param statistics what the pass asks for, measured on the model; empty without data */
export async function searchForms(model: Model, pass: Pass, statistics: Statistics, aims: SearchAims, tools: SearchTools): Promise<SearchResult> {
  const { accuracy, device } = aims;
  if (!tools.dataset && device && isPaidAtRunTime(device)) return { reasons: new Map(), forms: NO_FORMS };
  const { space, dynamic } = await spaceWithDynamicLayers(model, pass, statistics, aims, tools);
  if (space.nodes.length === 0) return { reasons: new Map(), forms: NO_FORMS };
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

/** The space of the pass; with data to judge by and an aim at accuracy, with ranges taken at run time where they measure better. */
async function spaceWithDynamicLayers(
  model: Model, pass: Pass, statistics: Statistics, { speed, accuracy, device }: SearchAims, tools: SearchTools,
): Promise<{ readonly space: QuantizationSpace; readonly dynamic?: DynamicChoice }> {
  const { dataset, process, threads, judges } = tools;
  const spaceOf = (form: Pass): Promise<QuantizationSpace> => quantizationSpace(model, form, statistics, {
    run: async (each, model, statistics) => (await each.run(model, tools.context(dataset && statistics))).nodes,
    measure: async (model, requests) => (dataset ? calibrate({ model, dataset: take(dataset, 1), requests, threads, process, logger: {} }) : new Statistics()),
    score: (model, quick) => (quick ? tools.score(model, QUICK_SAMPLES) : scoreRecovered(model, tools)),
  });
  const space = await spaceOf(pass);
  if (!accuracy || space.dynamic.layers.length === 0) return { space };
  const types = device ? await sampleTypes(model, dataset) : undefined;
  const isNoSlower: IsNoSlower = async (before, after, layers) => {
    if (device && types) return await predictedShare(model, types, await spaceOf(pass.atRunTime!(layers)), device, []) <= (1 + NOISE) * await predictedShare(model, types, space, device, []);
    const [beforeMs = 0, afterMs = 0] = speed && judges.time ? await judges.time([before, after]) : [];
    return afterMs <= (1 + NOISE) * beforeMs;
  };
  const dynamic = await chooseDynamicLayers(space.dynamic, performance.now() + DYNAMIC_SHARE * 1000 * accuracy.seconds, isNoSlower);
  return { space: dynamic.layers.length > 0 ? await spaceOf(pass.atRunTime!(dynamic.layers)) : space, dynamic };
}

interface PayingNodes {
  readonly paying?: PayingChoice | undefined;
  readonly predicted?: Prediction | undefined;
  /** The predicted time with these nodes in float over that with all in float, where times are predicted. */
  readonly shareOf: (floatNodes: readonly string[]) => Promise<number | undefined>;
}

/** The nodes that int8 does not pay for: by times on this machine, or by the costs of another device. */
async function choosePaying(model: Model, space: SearchSpace, { speed, device }: SearchAims, { dataset, judges }: SearchTools): Promise<PayingNodes> {
  const time = speed ? judges.time : undefined;
  const types = device || time ? await sampleTypes(model, dataset) : undefined;
  if (!types) return { shareOf: () => Promise.resolve(undefined) };
  return {
    predicted: device ? await predictPayingNodes(model, types, space, device) : undefined,
    paying: time ? await choosePayingNodes(space, time, await timingHints(model, types, space, nativeCosts())) : undefined,
    shareOf: async (floatNodes) => (device ? predictedShare(model, types, space, device, floatNodes) : undefined),
  };
}

/** Of what this machine is, whatever the model is made for. */
function nativeCosts(): CostTable {
  return resolveTarget(NATIVE).profile.costs;
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
    ...(memory ? { remember: (ranking: readonly NodeSensitivity[]) => memory.save([...ranking]) } : {}),
    ...(keep ? { keep: async (model: Model) => keep(await finished(model)) } : {}),
  }, {
    goalDb, mostShare, deadline: performance.now() + 1000 * seconds,
    ...(byGates && enough ? { enough: async (model: Model) => enough(await finished(model)) } : {}),
  }, memory?.ranking);
}

/** The better score of the model as it is and as later steps recover it; the model is left as the better one. */
async function scoreRecovered(model: Model, { score, recover }: SearchTools): Promise<number> {
  const plainDb = await score(model);
  if (!recover) return plainDb;
  const recovered = copyModel(model);
  await recover(recovered);
  const recoveredDb = await score(recovered);
  if (recoveredDb > plainDb) Object.assign(model, recovered);
  return Math.max(plainDb, recoveredDb);
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
