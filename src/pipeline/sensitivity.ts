/** What each node costs the outputs when only it is computed in int8. */
import { abortable } from "../abort.js";
import { calibrate, type CalibrationOptions } from "../calibration/calibrate.js";
import { CalibrationProcess } from "../calibration/process.js";
import { abortableSamples, openDataset, splitHoldOut, take, type Dataset } from "../data/index.js";
import { SILENT, type Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { copyModel, type Model } from "../ir/index.js";
import { readModel } from "../onnx/index.js";
import { assertSound } from "../ops/check-operators.js";
import { withLimits } from "../run-limits.js";
import type { Pass } from "../passes/contract.js";
import type { CompressOptions } from "./compress-options.js";
import { toldOfSample } from "./original-fault.js";
import { RuntimeEvaluator } from "./constant-evaluator.js";
import { HeldOutScore } from "./held-out-score.js";
import { planOptions } from "./plan-options.js";
import { planPasses, type Plan } from "./plan.js";
import { modelInputs } from "./run-data.js";
import { runPasses } from "./runner.js";
import type { SearchNode, SearchSpace } from "./search/float-nodes.js";
import { quantizationSpace } from "./search/quantization-space.js";
import { learningThreads } from "./threads.js";

export type SensitivityOptions = Pick<CompressOptions, "foldLimit" | "loadLimit" | "calibrator" | "exclude" | "perChannel" | "weightBits" | "target" | "threads" | "seed" | "logger" | "signal"> & {
  /** Calibration data: a path or a dataset. A quarter of it is what nodes are judged on. */
  readonly calib: string | Dataset;
  /** Only so many nodes are measured, those whose tensors take rounding worst; default all. */
  readonly top?: number;
};

export interface NodeCost extends SearchNode {
  /** Mean signal-to-noise ratio of the outputs with this node alone in int8, dB. */
  readonly db: number;
}

export interface SensitivityReport {
  readonly model: string;
  /** "calib.npz, held out of calibration". */
  readonly source: string;
  /** With all nodes in int8, dB. */
  readonly allDb: number;
  /** The costliest first. */
  readonly nodes: readonly NodeCost[];
  /** Nodes that were not measured. */
  readonly left: number;
}

const QUANTIZER = "quantize-int8";

/**
 * Runs the passes of `compress --int8` up to the quantizer, then quantizes one node at a time. Throws BadModelError,
 * BadDataError, EdgecError RUNTIME_MISSING, and BAD_OPTION for fewer than four calibration samples.
 */
export function sensitivity(path: string, options: SensitivityOptions): Promise<SensitivityReport> {
  return abortable(options.signal, () => withLimits(options, () => measureNodes(path, options)));
}

async function measureNodes(path: string, options: SensitivityOptions): Promise<SensitivityReport> {
  const { calib, top = Infinity, logger = SILENT, seed = 0, threads: asked, ...rest } = options;
  const threads = learningThreads(asked);
  const model = readModel(path);
  assertSound(model, path);
  const data = abortableSamples(typeof calib === "string" ? await openDataset(calib, modelInputs(model)) : calib);
  if ((data.size ?? Infinity) < 4) throw new EdgecError("BAD_OPTION", `${data.name} holds ${data.size ?? 0} samples; four are needed, as a quarter is kept apart to judge by.`);
  try {
    return await measured(path, model, rest, { data, top, logger, seed, threads });
  } catch (error) {
    throw await toldOfSample(error, { path, name: path }, [data]);
  }
}

interface Measuring {
  readonly data: Dataset;
  readonly top: number;
  readonly logger: Logger;
  readonly seed: number;
  readonly threads: number;
}

type Quantizing = Omit<SensitivityOptions, "calib" | keyof Measuring>;

async function measured(
  path: string, model: Model, rest: Quantizing, { data, top, logger, seed, threads }: Measuring,
): Promise<SensitivityReport> {
  const { rest: dataset, heldOut } = splitHoldOut(data, 0.25, seed);
  const plan = planPasses(model, planOptions({ ...rest, int8: true, effort: "fast", verify: false }));
  const pass = await prepare(model, plan, { dataset, seed, threads, logger });
  const process = new CalibrationProcess();
  const scorer = new HeldOutScore(copyModel(model), heldOut, threads, process);
  try {
    const space = await spaceOf(model, pass, { dataset, threads, process, logger }, scorer);
    const nodes = await costs(space, Math.min(top, space.nodes.length), logger);
    logger.progress?.({ step: "score the model in int8", done: 0 });
    return { model: path, source: `${data.name}, held out of calibration`, allDb: await space.score(await space.build([]), false), nodes, left: space.nodes.length - nodes.length };
  } finally {
    try {
      await scorer.close();
    } finally {
      await process.close();
    }
  }
}

/** Brings the model to where the quantizer stands in the plan, and returns that. */
async function prepare(model: Model, plan: Plan, { dataset, seed, threads, logger }: { dataset: Dataset; seed: number; threads: number; logger: Logger }): Promise<Pass> {
  const at = plan.findIndex(({ passes }) => passes.some(({ name }) => name === QUANTIZER));
  const evaluator = new RuntimeEvaluator();
  try {
    await runPasses(model, plan.slice(0, at), { dataset, evaluator, logger, seed, threads });
    if (evaluator.stopped) logger.diagnostic?.(evaluator.stopped);
  } finally {
    await evaluator.close();
  }
  return plan[at]!.passes.find(({ name }) => name === QUANTIZER)!;
}

type Surroundings = Pick<CalibrationOptions, "dataset" | "logger"> & { readonly threads: number; readonly process: CalibrationProcess };

async function spaceOf(model: Model, pass: Pass, { dataset, ...where }: Surroundings, scorer: HeldOutScore): Promise<SearchSpace> {
  const statistics = await calibrate({ model, dataset, requests: pass.statistics(model), ...where });
  return quantizationSpace(model, pass, statistics, {
    run: async (bound, changed, known) => (await bound.run(changed, { statistics: known, evaluator: undefined, seed: 0 })).nodes,
    measure: (measured, requests) => calibrate({ model: measured, dataset: take(dataset, 1), requests, ...where }),
    score: (scored) => scorer.score(scored),
  });
}

async function costs({ nodes, build, score }: SearchSpace, count: number, logger: Logger): Promise<NodeCost[]> {
  const names = nodes.map(({ name }) => name);
  const measured: NodeCost[] = [];
  const tell = (): void => logger.progress?.({ step: "measure what each node costs", done: measured.length, total: count });
  tell();
  for (const node of nodes.slice(0, count)) {
    const db = await score(await build(names.filter((name) => name !== node.name)), false);
    measured.push({ ...node, db });
    tell();
  }
  return measured.sort((a, b) => a.db - b.db);
}
