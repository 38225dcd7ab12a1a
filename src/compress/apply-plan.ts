/** Runs a plan on a model, then checks and completes the result. */
import { takeTurn } from "../abort.js";
import type { Logger } from "../diagnostics.js";
import { clauseOf, sentence } from "../errors.js";
import type { Model } from "../ir/index.js";
import type { Statistics } from "../numeric/statistics.js";
import { dataFiles, dropStaleReferences, referableNames, type StaleReferences } from "../onnx/index.js";
import { assertSound } from "../ops/check-operators.js";
import { fitRuntime, oldestRuntime } from "../ops/runtime-versions.js";
import { inStage } from "../stage-clock.js";
import { markModel } from "../output/edgec-mark.js";
import { accuracyLimits } from "../plan/gate-limits.js";
import type { Plan } from "../plan/plan-types.js";
import { isTimed } from "../plan/target-options.js";
import { ModelFault, thrownText } from "../run/model-fault.js";
import { RuntimeEvaluator } from "../run/ort-evaluator.js";
import type { RunResult } from "../run/run-log.js";
import { runPasses } from "../run/run-plan.js";
import { splitCalibration } from "../run/split-calibration.js";
import { runEvaluators } from "../search/evaluators.js";
import type { ModelEvaluators } from "../search/search-types.js";
import type { CandidateContext } from "./candidate-context.js";
import { option } from "../option-names.js";

export interface JudgedRun extends RunResult {
  /** Whether calibration samples were held out for scoring. */
  readonly judged: boolean;
}

/**
 * Runs a plan on `model` and validates the result. Statistics in `recorded` are not measured again.
 * @param beforeLoss see `RunOptions`
 */
export async function applyPlan(
  context: CandidateContext,
  model: Model,
  plan: Plan,
  recorded?: Map<string, Statistics>,
  beforeLoss?: (model: Model) => Promise<void>,
): Promise<JudgedRun> {
  const { options, data, logger, files, compute, learningThreads: threads } = context;
  const evaluator = new RuntimeEvaluator();
  const { seed = 0, debug = false } = options;
  const names = referableNames(model);
  try {
    const learning = splitCalibration(data.calibration, plan, model, { seed, threads, logger });
    const run = await runPasses(model, plan, {
      ...learning,
      evaluator,
      compute,
      logger,
      seed,
      threads,
      debug,
      trainer: options.trainer,
      deadline: options.deadline,
      ...(plan.some(({ search, withinGates }) => search ?? withinGates)
        ? { evaluators: evaluatorsOf(context) }
        : {}),
      ...(recorded ? { recorded } : {}),
      ...(beforeLoss ? { beforeLoss } : {}),
      dump: (bytes, pass) => files.keep(bytes, pass),
    });
    if (names) tellStale(dropStaleReferences(model, names), logger);
    logger.progress?.({ step: "check the model", done: 0 });
    await takeTurn();
    await inStage("check", () =>
      ours(
        () => assertSound(model, "after the last pass", context.undescribed),
        "made a model that is not valid",
      ),
    );
    if (options.minOrt !== undefined)
      fitRuntime(model, oldestRuntime(options.minOrt), "the compressed model");
    // A model that no pass changed is written byte for byte, without edgec's mark.
    const isMoved = options.externalData === true || dataFiles(model).length > 0;
    if (isMoved || run.passes.some(({ modified }) => modified)) markModel(model);
    if (evaluator.stopped) logger.diagnostic?.(evaluator.stopped);
    if (evaluator.missing)
      logger.diagnostic?.({
        id: "fold-constants/no-runtime",
        severity: "warning",
        message: "Constants were not folded, because onnxruntime is not installed.",
      });
    return { ...run, judged: learning.scorer !== undefined };
  } finally {
    await evaluator.close();
  }
}

function tellStale({ annotations, training }: StaleReferences, logger: Logger): void {
  const tell = (id: string, what: string): void =>
    logger.diagnostic?.({
      id: `compress/${id}`,
      severity: "warning",
      message: `${what} left out, because it names tensors that are no longer in the compressed model.`,
    });
  const tensors = annotations === 1 ? "1 tensor" : `${annotations} tensors`;
  if (annotations > 0)
    tell("stale-annotations", `Information on the quantization of ${tensors} (quantization_annotation) was`);
  if (training > 0) tell("stale-training", "Information on training (training_info) was");
}

function evaluatorsOf({
  options,
  referencePath,
  data,
  bestSoFar,
  searchMemory,
}: CandidateContext): ModelEvaluators {
  const { metric, threads = 1 } = options;
  const evaluators = runEvaluators({
    referencePath,
    evaluation: data.evaluation,
    isLabelled: data.isLabelled,
    metric,
    threads,
    limits: accuracyLimits(options),
    isTimed: isTimed(options),
  });
  return {
    ...evaluators,
    ...(bestSoFar ? { onBest: bestSoFar } : {}),
    ...(searchMemory ? { memory: searchMemory } : {}),
  };
}

/** An invalid model at this point is edgec's doing, not the user's. */
export function ours(check: () => void, what: string): void {
  try {
    check();
  } catch (cause) {
    const reason = clauseOf(thrownText(cause));
    throw new ModelFault(
      reason,
      `edgec ${what}: ${sentence(reason)} Nothing was written. Run with ${option("debug")} to see which pass did it.`,
      { cause },
    );
  }
}
