/** Divides the calibration samples into those that passes learn from and those that judge the passes. */
import { freemem } from "node:os";
import { splitHoldOut, type Dataset } from "../data/index.js";
import type { Logger } from "../diagnostics.js";
import { byteSize, elementCount, type Model } from "../ir/index.js";
import { HoldoutScore } from "./holdout-score.js";
import type { RunOptions } from "./run-options.js";
import { memoryShortage } from "./memory.js";
import { needsHoldout } from "../plan/search-aims.js";
import type { Plan } from "../plan/plan-types.js";
import { option } from "../option-names.js";
import { loadBytes } from "../passes/encode/load-bytes.js";

/** Share of the calibration samples that decide which steps are kept. */
const HOLDOUT_SHARE = 0.25;
/** Fewer samples than this decide nothing. */
const MIN_HELD_OUT = 2;
/** Of eleven samples, three are held out for the comparison and eight are left. */
const MIN_WITHOUT_EVAL = 11;

/**
 * Splits the calibration data if steps of the plan are judged on held-out samples.
 */
export function splitCalibration(
  calibration: Dataset | undefined,
  plan: Plan,
  model: Model,
  { seed, threads, logger }: { readonly seed: number; readonly threads: number; readonly logger: Logger },
): Pick<RunOptions, "dataset" | "scorer"> {
  const isJudged = plan.some(
    ({ validateAfter, search, wasJudged }) =>
      validateAfter !== undefined || needsHoldout(search) || wasJudged === true,
  );
  if (!calibration || !isJudged) return { dataset: calibration };
  const obstacle =
    (calibration.size ?? Infinity) * HOLDOUT_SHARE < MIN_HELD_OUT ? tooFew(calibration) : tooLarge(model);
  if (obstacle !== undefined) {
    logger.diagnostic?.({
      id: "compress/not-judged",
      severity: "warning",
      message: `int8 was not tuned for accuracy and speed: ${obstacle}`,
    });
    return { dataset: calibration };
  }
  // Another seed than that of the samples held out for the comparison.
  const { rest, heldOut } = splitHoldOut(calibration, HOLDOUT_SHARE, seed + 1);
  return {
    dataset: rest,
    scorer: (reference, process) => new HoldoutScore(reference, heldOut, threads, process),
  };
}

/** Without other data to compare on, a quarter has already been held out for the comparison. */
function tooFew({ size = 0 }: Dataset): string {
  return (
    `this needs at least ${MIN_HELD_OUT / HOLDOUT_SHARE} calibration samples ` +
    `(${MIN_WITHOUT_EVAL} without ${option("eval")}), and the data has ${size}. Add samples, or ` +
    `skip the tuning with ${option("effort", "fast")}.`
  );
}

function tooLarge(model: Model): string | undefined {
  const shortage = memoryShortage(weightBytes(model), freemem(), () => 2 * loadBytes(model));
  return shortage === undefined ? undefined : `${shortage}.`;
}

function weightBytes({ graph }: Model): number {
  return graph.initializers.reduce(
    (sum, tensor) => sum + (byteSize(tensor.dataType, elementCount(tensor)) ?? 0),
    0,
  );
}
