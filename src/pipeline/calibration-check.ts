/** Calibration data that cannot be meant, seen before any work is done with it. */
import type { Dataset } from "../data/index.js";
import type { Diagnostic } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import type { Feed } from "../ir/index.js";
import { significant } from "../report/units.js";
import { openRemote } from "../runtime/index.js";
import { bearsOut, type DataSummary, type InputSummary, SCALE, type ScaleFault, scaleSuspicion, summarize } from "../verify/index.js";

export interface CalibrationData {
  readonly calibration: Dataset | undefined;
  /** What the user gave to compare on; undefined where samples of the calibration data, or random feeds, are compared on. */
  readonly evaluation: Dataset | undefined;
  /** The model that knows the scale of its inputs; undefined where nothing is to be run. */
  readonly modelPath: string | undefined;
}

/** An input counts as data, rather than as a mask or a factor beside it, from this share of the largest one on. */
const LARGE = 0.5;
/** How much narrower values of the evaluation data may lie, and what share of them outside of what was calibrated. */
const NARROWER = 8;
const MOST_OUTSIDE = 0.1;
/** Values that a statement about their spread takes. */
const LEAST_VALUES = 64;
/** What lies outside the calibrated range by less than this share of it counts as within. */
const SLACK = 0.05;

/** Throws BadDataError for data that cannot be read or holds NaN. */
export async function checkCalibration({ calibration, evaluation, modelPath }: CalibrationData): Promise<Diagnostic[]> {
  if (!calibration) return [];
  const learned = await summarize(calibration);
  const useless = constantWarnings(learned);
  if (useless.length > 0) return withBlindness(useless, evaluation);
  const equal = learned.areEqual ? [warning("equal-samples", `All ${learned.samples} samples of ${calibration.name} are the same, so that the ranges learned are those of one input. Give some 100 typical inputs.`)] : [];
  const unlike = evaluation ? unlikeWarnings(learned, await summarize(evaluation)) : [];
  const scale = modelPath === undefined ? [] : await scaleWarnings(learned, modelPath);
  return [...withBlindness([...equal, ...scale], evaluation), ...unlike];
}

/** A comparison on samples of the same data cannot see what is wrong with it. */
function withBlindness(found: readonly Diagnostic[], evaluation: Dataset | undefined): Diagnostic[] {
  if (evaluation) return [...found];
  return found.map((one) => ({ ...one, message: `${one.message} The comparison on samples of the same data means little: give data of its own with --eval.` }));
}

/** All inputs that carry data are constant: one alone may be a mask, a flag or a state to begin with. */
function constantWarnings({ name, samples, inputs }: DataSummary): Diagnostic[] {
  const carriers = carriersOf(inputs);
  if (carriers.length === 0 || carriers.some(({ isConstant }) => !isConstant)) return [];
  const what = carriers.map((input) => `input "${input.name}" is ${significant(input.min)}`).join(" and ");
  return [warning("constant", `The calibration data says nothing: ${what} throughout, in ${samples === 1 ? "the one sample" : `all ${samples} samples`} of ${name}. Check how the file was made.`)];
}

/** Inputs of floats before others, and large ones before small ones. */
function carriersOf(inputs: readonly InputSummary[]): InputSummary[] {
  const several = inputs.filter(({ elements }) => elements > 1);
  const floating = several.filter(({ isFloating }) => isFloating);
  const candidates = floating.length > 0 ? floating : several;
  const largest = Math.max(...candidates.map(({ elements }) => elements));
  return candidates.filter(({ elements }) => elements >= LARGE * largest);
}

function unlikeWarnings(learned: DataSummary, compared: DataSummary): Diagnostic[] {
  return learned.inputs.flatMap((input) => {
    const other = compared.inputs.find(({ name }) => name === input.name);
    const isTold = other && input.isFloating && Math.min(countOf(input, learned), countOf(other, compared)) >= LEAST_VALUES;
    if (!isTold || !areUnlike(input, other)) return [];
    return [warning("unlike-evaluation", `Input "${input.name}" lies between ${rangeText(input)} in ${learned.name}, and between ${rangeText(other)} in ${compared.name}. `
      + "Ranges learned from the one do not fit the other: prepare both as the model was trained.")];
  });
}

function countOf({ elements }: InputSummary, { samples }: DataSummary): number {
  return elements * samples;
}

/** Many values that calibration has no room for, or next to none of the room used. */
function areUnlike(learned: InputSummary, compared: InputSummary): boolean {
  const slack = SLACK * (learned.max - learned.min);
  const outside = compared.some.filter((value) => value < learned.min - slack || value > learned.max + slack).length;
  return outside > MOST_OUTSIDE * compared.some.length || compared.deviation * NARROWER < learned.deviation;
}

function rangeText({ min, max }: InputSummary): string {
  return `${significant(min)} and ${significant(max)}`;
}

async function scaleWarnings({ name, inputs, feeds }: DataSummary, modelPath: string): Promise<Diagnostic[]> {
  const [input] = carriersOf(inputs.filter(({ isFloating }) => isFloating));
  const suspicion = input && scaleSuspicion(Math.max(Math.abs(input.min), Math.abs(input.max)));
  if (!suspicion || await isBorneOut(modelPath, feeds, suspicion) !== true) return [];
  const factor = suspicion === "too large" ? `a ${SCALE}th of that` : `${SCALE} times that`;
  return [warning("scale", `The calibration data looks ${suspicion} for the model: input "${input.name}" lies between ${rangeText(input)} in ${name}, `
    + `and the model's answers hardly change with its contrast there, but do at ${factor}. Prepare the data as the model was trained: were images scaled to bytes, or to shares of one?`)];
}

/** What cannot be run tells nothing here; what is wrong with it comes up when it is compared. */
async function isBorneOut(path: string, feeds: readonly Feed[], suspicion: ScaleFault): Promise<boolean | undefined> {
  try {
    const runtime = await openRemote();
    try {
      return await bearsOut(await runtime.open(path), feeds, suspicion);
    } finally {
      await runtime.close();
    }
  } catch (error) {
    if (error instanceof EdgecError) return undefined;
    throw error;
  }
}

function warning(id: string, message: string): Diagnostic {
  return { id: `calibration/${id}`, severity: "warning", message };
}
