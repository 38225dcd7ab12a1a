/** The data of a run: what to calibrate on, what to compare on, and how to call it in the report. */
import { abortableSamples, openDataset, splitHoldOut, unfeedable, type Dataset, type ModelInputs } from "../data/index.js";
import type { Diagnostic } from "../diagnostics.js";
import { BadDataError, EdgecError } from "../errors.js";
import type { Model } from "../ir/index.js";
import { randomFeeds, requireMetric } from "../verify/index.js";
import type { CompressOptions } from "./compress-options.js";
import { gateLimits } from "./gate-limits.js";
import { UNPROVEN, type Measurements } from "./measure.js";
import { requireThreads } from "./threads.js";

export interface RunData {
  readonly calibration: Dataset | undefined;
  /** Undefined when the model's inputs cannot be made up. */
  readonly evaluation: Dataset | undefined;
  /** "data/eval.npz", "random feeds (seed 0)". */
  readonly source: string;
  /** Whether `evaluation` has labels that accuracy is measured by. */
  readonly isLabelled: boolean;
  readonly isMadeUp: boolean;
  /** What the user gave, whole; made-up data where that was nothing. */
  readonly given: readonly Dataset[];
  /** Why inputs could not be made up: a clause that ends in what to do. */
  readonly obstacle?: string;
}

/** Share of calibration samples kept apart for the comparison when there is no other data. */
const HELD_OUT = 0.25;

/** Opens the data of a run. Throws BadDataError, and EdgecError BAD_OPTION for options that need data that was not given. */
export async function openRunData(model: Model, options: CompressOptions): Promise<RunData> {
  const inputs = modelInputs(model);
  refuseBadOptions(options);
  const calibration = await openData("--calib", options.calib, inputs);
  const evaluation = await openData("--eval", options.eval, inputs, options.labels);
  if (options.maxDrop !== undefined && options.metric === undefined && evaluation?.hasLabels !== true) {
    throw new EdgecError("BAD_OPTION", `--max-drop needs labels, and ${evaluation?.name ?? "the data"} has none. Put an array "labels" in it or give --labels.`);
  }
  const given = [calibration, evaluation].filter((data) => data !== undefined);
  if (evaluation) {
    return { calibration, evaluation, source: evaluation.name, isLabelled: evaluation.hasLabels, isMadeUp: false, given };
  }
  if (calibration && (calibration.size ?? Infinity) >= 2) {
    const { rest, heldOut } = splitHoldOut(calibration, HELD_OUT, options.seed ?? 0);
    const source = `${calibration.name}, held out of calibration`;
    return { calibration: rest, evaluation: { ...heldOut, name: source }, source, isLabelled: false, isMadeUp: false, given };
  }
  const madeUp = randomData(inputs, options.seed ?? 0);
  if (given.length === 0 && madeUp.evaluation) given.push(madeUp.evaluation);
  return { calibration, isLabelled: false, isMadeUp: true, given, ...madeUp };
}

/** Graph inputs that are not defaults of themselves. */
export function modelInputs(model: Model): ModelInputs {
  const held = new Set(model.graph.initializers.map((tensor) => tensor.name));
  return model.graph.inputs.filter((input) => !held.has(input.name));
}

function randomData(inputs: ModelInputs, seed: number): Pick<RunData, "evaluation" | "source" | "obstacle"> {
  const obstacle = unfeedable(inputs);
  if (obstacle !== undefined) return { evaluation: undefined, source: "no data", obstacle: `${obstacle}. It was only loaded` };
  try {
    const evaluation = randomFeeds(inputs, { seed });
    return { evaluation, source: evaluation.name };
  } catch (error) {
    if (!(error instanceof BadDataError)) throw error;
    return { evaluation: undefined, source: "no data", obstacle: `${error.message} with --eval or --calib` };
  }
}

/**
 * What a comparison on inputs that were made up is worth. Told when the comparison is over: one that did not take place,
 * for whatever reason, has its own warning.
 */
export function madeUpWarnings({ isMadeUp, source, obstacle }: RunData, { fidelity, warnings }: Pick<Measurements, "fidelity" | "warnings">): Diagnostic[] {
  if (!isMadeUp) return [];
  if (fidelity) return [{ id: "compress/random-feeds", severity: "warning", message: `The models were compared on ${source}, which says little about real inputs. Give data with --eval or --calib.` }];
  if (obstacle === undefined || warnings.some(({ id }) => id === UNPROVEN)) return [];
  return [{ id: "compress/no-data", severity: "warning", message: `The models were not compared: ${obstacle}.` }];
}

/** @param flag what an empty name is blamed on, as a shell gives one for a variable that is not set */
export async function openData(flag: string, data: string | Dataset | undefined, inputs: ModelInputs, labels?: string): Promise<Dataset | undefined> {
  if (typeof data !== "string") return data && abortableSamples(data);
  if (data.trim() === "") throw new EdgecError("BAD_OPTION", `${flag} is empty: give .npz, .npy, .jsonl, .mjs or a folder of test_data_set_N, or leave it out.`);
  return abortableSamples(await openDataset(data, inputs, labels === undefined ? {} : { labels }));
}

function refuseBadOptions(options: CompressOptions): void {
  gateLimits(options);
  requireThreads(options.threads);
  if (options.metric !== undefined && options.eval !== undefined) requireMetric(options.metric);
  if (options.eval !== undefined) return;
  for (const [name, flag] of [["labels", "--labels"], ["metric", "--metric"], ["maxDrop", "--max-drop"]] as const) {
    if (options[name] !== undefined) throw new EdgecError("BAD_OPTION", `${flag} needs data to measure accuracy on: give --eval.`);
  }
}
