/** Opens the data of a run: for calibration and for comparison, with its name in the report. */
import {
  dataFormatsText,
  abortableSamples,
  openDataset,
  splitHoldOut,
  unfeedable,
  type Dataset,
  type ModelInputs,
} from "../data/index.js";
import { BadDataError, EdgecError } from "../errors.js";
import { fedInputs, type Model } from "../ir/index.js";
import { randomFeeds, requireMetric } from "../verify/index.js";
import type { CompressOptions } from "../plan/compress-options.js";
import { gateLimits } from "../plan/gate-limits.js";
import { requireThreads } from "../plan/threads.js";
import { option } from "../option-names.js";
import { refuseEmptyPath } from "../regular-file.js";

export interface RunData {
  readonly calibration: Dataset | undefined;
  /** Undefined when no inputs can be generated for the model. */
  readonly evaluation: Dataset | undefined;
  /** Its name, such as "data/eval.npz" or "random inputs (seed 0)". */
  readonly source: string;
  /** Whether `evaluation` has labels to measure accuracy with. */
  readonly isLabelled: boolean;
  readonly isMadeUp: boolean;
  /** The user's data, complete; generated data if there is none. */
  readonly given: readonly Dataset[];
  /** Why inputs could not be generated: a clause that ends in what to do. */
  readonly obstacle?: string;
}

/** Fraction of the calibration samples that is held out for the comparison when there is no other data. */
const HELD_OUT = 0.25;

/**
 * Opens the data of a run. Throws BadDataError, and EdgecError BAD_OPTION for options that need data that is
 * missing.
 */
export async function openRunData(model: Model, options: CompressOptions): Promise<RunData> {
  const inputs = fedInputs(model);
  refuseBadOptions(options);
  const calibration = await openData(option("calib"), options.calib, inputs);
  const evaluation = await openData(option("eval"), options.eval, inputs, options.labels);
  if (options.maxDrop !== undefined && options.metric === undefined && evaluation?.hasLabels !== true) {
    throw new EdgecError(
      "BAD_OPTION",
      `${option("maxDrop")} needs labels, and ${evaluation?.name ?? "the data"} has none. Add an ` +
        `array "labels" to it or give ${option("labels")}.`,
    );
  }
  const given = [calibration, evaluation].filter((data) => data !== undefined);
  if (evaluation) {
    return {
      calibration,
      evaluation,
      source: evaluation.name,
      isLabelled: evaluation.hasLabels,
      isMadeUp: false,
      given,
    };
  }
  if (calibration && (calibration.size ?? Infinity) >= 2) {
    const { rest, heldOut } = splitHoldOut(calibration, HELD_OUT, options.seed ?? 0);
    const source = `${calibration.name}, held out of calibration`;
    return {
      calibration: rest,
      evaluation: { ...heldOut, name: source },
      source,
      isLabelled: false,
      isMadeUp: false,
      given,
    };
  }
  const madeUp = randomData(inputs, options.seed ?? 0);
  if (given.length === 0 && madeUp.evaluation) given.push(madeUp.evaluation);
  return { calibration, isLabelled: false, isMadeUp: true, given, ...madeUp };
}

function randomData(inputs: ModelInputs, seed: number): Pick<RunData, "evaluation" | "source" | "obstacle"> {
  const obstacle = unfeedable(inputs);
  if (obstacle !== undefined)
    return {
      evaluation: undefined,
      source: "no data",
      obstacle: `${obstacle}. The model was loaded but not run`,
    };
  try {
    const evaluation = randomFeeds(inputs, { seed });
    return { evaluation, source: evaluation.name };
  } catch (error) {
    if (!(error instanceof BadDataError)) throw error;
    return {
      evaluation: undefined,
      source: "no data",
      obstacle: `${error.message.replace(/\.$/, "")} with ${option("eval")} or ${option("calib")}`,
    };
  }
}

/** @param name of the option, for the error for an empty path */
export async function openData(
  name: string,
  data: string | Dataset | undefined,
  inputs: ModelInputs,
  labels?: string,
): Promise<Dataset | undefined> {
  if (labels !== undefined) refuseEmptyPath(option("labels"), labels, "a file with one label per sample");
  if (typeof data !== "string") return data && abortableSamples(data);
  refuseEmptyPath(name, data, dataFormatsText());
  return abortableSamples(await openDataset(data, inputs, labels === undefined ? {} : { labels }));
}

function refuseBadOptions(options: CompressOptions): void {
  gateLimits(options);
  requireThreads(options.threads);
  if (options.metric !== undefined && options.eval !== undefined) requireMetric(options.metric);
  if (options.eval !== undefined) return;
  for (const name of ["labels", "metric", "maxDrop"] as const) {
    if (options[name] !== undefined)
      throw new EdgecError(
        "BAD_OPTION",
        `${option(name)} needs data to measure accuracy on: give ${option("eval")}.`,
      );
  }
}
