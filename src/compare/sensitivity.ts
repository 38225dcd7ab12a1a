/** Measures how much the outputs lose when only one node is computed in int8. */
import { abortable } from "../abort.js";
import { requirePath } from "../arguments.js";
import { calibrate, type CalibrationOptions } from "../calibration/calibrate.js";
import { CalibrationProcess } from "../calibration/process.js";
import {
  abortableSamples,
  dataFormatsText,
  openDataset,
  splitHoldOut,
  take,
  type Dataset,
} from "../data/index.js";
import { SILENT, type Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { copyModel, type Model, fedInputs } from "../ir/index.js";
import { readModel } from "../onnx/index.js";
import { assertSound } from "../ops/check-operators.js";
import { data as dataCheck, required, wholeNumber } from "../option-checks.js";
import { type KeysOf, withKnownOptions } from "../option-keys.js";
import { LIMIT_KEYS, withLimits } from "../run-limits.js";
import type { Pass } from "../passes/contract.js";
import { COMPRESS_KEYS, type CompressOptions } from "../plan/compress-options.js";
import { withFailingSample } from "./original-fault.js";
import { RuntimeEvaluator } from "../run/ort-evaluator.js";
import { HoldoutScore } from "../run/holdout-score.js";
import { planOptions } from "../plan/plan-options.js";
import { planPasses } from "../plan/plan.js";
import { runPasses } from "../run/run-plan.js";
import type { SearchNode, SearchSpace } from "../search/by-accuracy.js";
import { quantizationSpace } from "../search/quantization-space.js";
import { learningThreads } from "../plan/threads.js";
import { option } from "../option-names.js";
import { refuseEmptyPath } from "../regular-file.js";
import type { Plan } from "../plan/plan-types.js";

export type SensitivityOptions = Pick<
  CompressOptions,
  | "foldLimit"
  | "loadLimit"
  | "calibrator"
  | "exclude"
  | "perChannel"
  | "weightBits"
  | "target"
  | "threads"
  | "seed"
  | "logger"
  | "signal"
> & {
  /** Calibration data: a path or a dataset. A quarter of it is held out for scoring. */
  readonly calib: string | Dataset;
  /** How many nodes to measure: those whose tensors lose most by rounding. Default: all. */
  readonly top?: number;
};

const SENSITIVITY_KEYS = {
  ...LIMIT_KEYS,
  calibrator: COMPRESS_KEYS.calibrator,
  exclude: COMPRESS_KEYS.exclude,
  perChannel: COMPRESS_KEYS.perChannel,
  weightBits: COMPRESS_KEYS.weightBits,
  target: COMPRESS_KEYS.target,
  threads: COMPRESS_KEYS.threads,
  seed: COMPRESS_KEYS.seed,
  logger: COMPRESS_KEYS.logger,
  signal: COMPRESS_KEYS.signal,
  calib: required(dataCheck),
  top: wholeNumber(1),
} satisfies KeysOf<SensitivityOptions>;

export interface NodeCost extends SearchNode {
  /** Mean signal-to-noise ratio of the outputs with this node alone in int8, dB. */
  readonly db: number;
}

export interface SensitivityReport {
  readonly model: string;
  /** Source of the scored samples, such as "calib.npz, held out of calibration". */
  readonly source: string;
  /** With all nodes in int8, dB. */
  readonly allDb: number;
  /** Sorted by cost, highest first. */
  readonly nodes: readonly NodeCost[];
  /** The number of nodes that were not measured. */
  readonly left: number;
}

/**
 * Runs the passes of `compress --int8` up to the quantizer, then quantizes one node at a time. Throws
 * BadModelError, BadDataError, EdgecError RUNTIME_MISSING, and BAD_OPTION for fewer than four calibration
 * samples.
 */
export function sensitivity(path: string, options: SensitivityOptions): Promise<SensitivityReport> {
  return withKnownOptions("sensitivity", SENSITIVITY_KEYS, options, () => {
    requirePath("sensitivity", "the model", path);
    return abortable(options.signal, () => withLimits(options, () => measureNodes(path, options)));
  });
}

async function measureNodes(path: string, options: SensitivityOptions): Promise<SensitivityReport> {
  const { calib, top = Infinity, logger = SILENT, seed = 0, threads: asked, ...rest } = options;
  const threads = learningThreads(asked);
  if (typeof calib === "string") refuseEmptyPath(option("calib"), calib, dataFormatsText(), true);
  const model = readModel(path);
  assertSound(model, path);
  const data = abortableSamples(
    typeof calib === "string" ? await openDataset(calib, fedInputs(model)) : calib,
  );
  if ((data.size ?? Infinity) < 4)
    throw new EdgecError(
      "BAD_OPTION",
      `${data.name} holds ${data.size ?? 0} samples, but at least 4 are needed, ` +
        "because a quarter is held out for scoring. Add samples.",
    );
  try {
    return await measured(path, model, rest, { data, top, logger, seed, threads });
  } catch (error) {
    throw await withFailingSample(error, { path, name: path }, [data]);
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
  path: string,
  model: Model,
  rest: Quantizing,
  { data, top, logger, seed, threads }: Measuring,
): Promise<SensitivityReport> {
  const { rest: dataset, heldOut } = splitHoldOut(data, 0.25, seed);
  const plan = planPasses(model, planOptions({ ...rest, int8: true, effort: "fast", verify: false }));
  const pass = await prepare(model, plan, { dataset, seed, threads, logger });
  const process = new CalibrationProcess();
  const scorer = new HoldoutScore(copyModel(model), heldOut, threads, process);
  try {
    const space = await spaceOf(model, pass, { dataset, threads, process, logger }, scorer);
    const nodes = await costs(space, Math.min(top, space.nodes.length), logger);
    logger.progress?.({ step: "score the model in int8", done: 0 });
    return {
      model: path,
      source: `${data.name}, held out of calibration`,
      allDb: (await space.score(await space.build([]), false)).db,
      nodes,
      left: space.nodes.length - nodes.length,
    };
  } finally {
    try {
      await scorer.close();
    } finally {
      await process.close();
    }
  }
}

/** Runs the plan up to the quantizer, and returns the quantizer. */
async function prepare(
  model: Model,
  plan: Plan,
  { dataset, seed, threads, logger }: { dataset: Dataset; seed: number; threads: number; logger: Logger },
): Promise<Pass> {
  const at = plan.findIndex(({ passes }) => passes.some(({ isSearched }) => isSearched));
  const evaluator = new RuntimeEvaluator();
  try {
    await runPasses(model, plan.slice(0, at), { dataset, evaluator, logger, seed, threads });
    if (evaluator.stopped) logger.diagnostic?.(evaluator.stopped);
  } finally {
    await evaluator.close();
  }
  return plan[at]!.passes.find(({ isSearched }) => isSearched)!;
}

type Surroundings = Pick<CalibrationOptions, "dataset" | "logger"> & {
  readonly threads: number;
  readonly process: CalibrationProcess;
};

async function spaceOf(
  model: Model,
  pass: Pass,
  { dataset, ...where }: Surroundings,
  scorer: HoldoutScore,
): Promise<SearchSpace> {
  const statistics = await calibrate({ model, dataset, requests: pass.statistics(model), ...where });
  return quantizationSpace(model, pass, statistics, {
    run: async (bound, changed, known) =>
      (await bound.run(changed, { statistics: known, evaluator: undefined, seed: 0 })).nodes,
    measure: (measured, requests) =>
      calibrate({ model: measured, dataset: take(dataset, 1), requests, ...where }),
    score: (scored) => scorer.score(scored),
  });
}

async function costs(
  { nodes, build, score }: SearchSpace,
  count: number,
  logger: Logger,
): Promise<NodeCost[]> {
  const names = nodes.map(({ name }) => name);
  const measured: NodeCost[] = [];
  const report = (): void =>
    logger.progress?.({
      step: "measure the accuracy cost of each node",
      done: measured.length,
      total: count,
    });
  report();
  for (const node of nodes.slice(0, count)) {
    const { db } = await score(await build(names.filter((name) => name !== node.name)), false);
    measured.push({ ...node, db });
    report();
  }
  return measured.sort((a, b) => a.db - b.db);
}
