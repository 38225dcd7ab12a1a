/** Detects implausible calibration data before any work. */
import type { Dataset } from "../data/index.js";
import type { Diagnostic } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import type { Feed } from "../ir/index.js";
import { significant } from "../units.js";
import { openRemote } from "../runtime/index.js";
import {
  bearsOut,
  type DataSummary,
  type InputSummary,
  SCALE,
  type ScaleFault,
  scaleSuspicion,
  summarize,
} from "../verify/index.js";
import { option } from "../option-names.js";

interface CalibrationData {
  readonly calibration: Dataset | undefined;
  /**
   * The data given to compare on; undefined if the comparison uses samples of the calibration data or random
   * inputs.
   */
  readonly evaluation: Dataset | undefined;
  /** Whether the comparison uses samples of the calibration data. */
  readonly comparedOnItself: boolean;
  /** The model to run, for the scale of its inputs; undefined if nothing may be run. */
  readonly modelPath: string | undefined;
}

/**
 * An input counts as data if it has at least this share of the largest input's elements; smaller ones may be
 * masks or factors.
 */
const LARGE = 0.5;
/**
 * How much narrower than the calibrated range evaluation values may be, and what share may lie outside it.
 */
const NARROWER = 8;
const MAX_OUTSIDE = 0.1;
/** The least number of values from which their spread is judged. */
const MIN_VALUES = 64;
/** Values outside the calibrated range by less than this share of it count as inside. */
const SLACK = 0.05;

/** Throws BadDataError for data that cannot be read or holds NaN. */
export async function checkCalibration({
  calibration,
  evaluation,
  comparedOnItself,
  modelPath,
}: CalibrationData): Promise<Diagnostic[]> {
  if (!calibration) return [];
  const learned = await summarize(calibration);
  const useless = constantWarnings(learned);
  if (useless.length > 0) return withBlindness(useless, comparedOnItself);
  const equal = learned.areEqual
    ? [
        warning(
          "equal-samples",
          `All ${learned.samples} samples of ${calibration.name} are the same, so the measured ` +
            "ranges fit only one input. Give about 100 typical inputs.",
        ),
      ]
    : [];
  const unlike = evaluation ? unlikeWarnings(learned, await summarize(evaluation)) : [];
  const scale = modelPath === undefined ? [] : await scaleWarnings(learned, modelPath);
  return [...withBlindness([...equal, ...scale], comparedOnItself), ...unlike];
}

/** A comparison on samples of the same data cannot show what is wrong with it. */
function withBlindness(found: readonly Diagnostic[], comparedOnItself: boolean): Diagnostic[] {
  if (!comparedOnItself) return [...found];
  return found.map((one) => ({
    ...one,
    message:
      `${one.message} The comparison uses samples of the same data, so it means little: ` +
      `give separate data with ${option("eval")}.`,
  }));
}

/** Warns if all inputs that carry data are constant: a single one may be a mask, a flag or an initial state. */
function constantWarnings({ name, samples, inputs }: DataSummary): Diagnostic[] {
  const carriers = carriersOf(inputs);
  if (carriers.length === 0 || carriers.some(({ isConstant }) => !isConstant)) return [];
  const what = carriers.map((input) => `input "${input.name}" is ${significant(input.min)}`).join(" and ");
  return [
    warning(
      "constant",
      `The calibration data is constant: ${what} throughout, in ` +
        `${samples === 1 ? "the one sample" : `all ${samples} samples`} of ${name}. Check how ` +
        "the file was made.",
    ),
  ];
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
    const isJudged =
      other && input.isFloating && Math.min(countOf(input, learned), countOf(other, compared)) >= MIN_VALUES;
    if (!isJudged || !areUnlike(input, other)) return [];
    return [
      warning(
        "unlike-evaluation",
        `Input "${input.name}" lies between ${rangeText(input)} in ${learned.name}, but ` +
          `between ${rangeText(other)} in ${compared.name}. Ranges measured on one do not fit ` +
          "the other: prepare both the way the training data was prepared.",
      ),
    ];
  });
}

function countOf({ elements }: InputSummary, { samples }: DataSummary): number {
  return elements * samples;
}

/** Many values outside the calibrated range, or a range far wider than the values. */
function areUnlike(learned: InputSummary, compared: InputSummary): boolean {
  const slack = SLACK * (learned.max - learned.min);
  const outside = compared.some.filter(
    (value) => value < learned.min - slack || value > learned.max + slack,
  ).length;
  return outside > MAX_OUTSIDE * compared.some.length || compared.deviation * NARROWER < learned.deviation;
}

function rangeText({ min, max }: InputSummary): string {
  return `${significant(min)} and ${significant(max)}`;
}

async function scaleWarnings({ name, inputs, feeds }: DataSummary, modelPath: string): Promise<Diagnostic[]> {
  const [input] = carriersOf(inputs.filter(({ isFloating }) => isFloating));
  const suspicion = input && scaleSuspicion(Math.max(Math.abs(input.min), Math.abs(input.max)));
  if (!suspicion || (await isBorneOut(modelPath, feeds, suspicion)) !== true) return [];
  const factor = suspicion === "too large" ? `a ${SCALE}th of that` : `${SCALE} times that`;
  return [
    warning(
      "scale",
      `The calibration data looks ${suspicion} for the model: input "${input.name}" lies ` +
        `between ${rangeText(input)} in ${name}, where the model's answers hardly depend on ` +
        `its contrast; they do at ${factor}. Prepare the data the way the training data was ` +
        "prepared: does the model expect pixels from 0 to 255, or from 0 to 1?",
    ),
  ];
}

/** Undefined if the model cannot be run; the comparison reports why. */
async function isBorneOut(
  path: string,
  feeds: readonly Feed[],
  suspicion: ScaleFault,
): Promise<boolean | undefined> {
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
