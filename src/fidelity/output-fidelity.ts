/** How far an output of a compressed model is from the original's, over all samples. */
import type { ComparedAt } from "./deciding-values.js";

export interface OutputFidelity {
  /**
   * Signal-to-quantization-noise ratio, the median over the samples: 10·log10(Σy² / Σ(y − ŷ)²) dB of each, where y
   * are the original's values, see `comparedAt`. null if the median is infinite (equal outputs), which JSON cannot
   * hold, and for outputs that are not floats: an index or a word is right or wrong, see `agreement`. Never below
   * {@link WORST_SQNR_DB}.
   */
  readonly sqnrDb: number | null;
  /** Where the median over further samples of this kind lies, with 95 % confidence; null with fewer than two. */
  readonly sqnrRange: readonly [low: number | null, high: number | null] | null;
  /** The sample with the most noise for its signal; null if all samples are equal. */
  readonly worst: WorstSample | null;
  /**
   * Where values are compared. Probabilities hide errors where they are close to 0 and 1, so they are compared as the
   * scores in front of the operator that made them: for Softmax and LogSoftmax, around the mean of each row.
   */
  readonly comparedAt: ComparedAt;
  /**
   * The SQNR of the output itself over all samples together, as most tools report it; null as for `sqnrDb`. One sample
   * can rule it, and probabilities hide errors, so nothing is chosen by it. It tells whether two runs are equal.
   */
  readonly pooledSqnrDb: number | null;
  /**
   * Cosine similarity Σyŷ / √(Σy²·Σŷ²) of the output itself over all samples; 1 when both are zero throughout; null
   * for outputs that are not floats.
   */
  readonly cosine: number | null;
  /** The largest absolute error of the output itself. For booleans and strings, 1 if any differs. */
  readonly maxAbsError: number;
  /**
   * Whether the original's values are close to zero and so are the errors. `sqnrDb` and `cosine` then compare noise
   * with noise, and only `maxAbsError` counts.
   */
  readonly nearZero: boolean;
  /**
   * Fraction of rows, from 0 to 1, with the same top class; null if the output is not a class score.
   */
  readonly top1Agreement: number | null;
  /** Fraction of equal elements, for outputs of integers, booleans and strings; null for floats. */
  readonly agreement: number | null;
  /**
   * Elements that are NaN or infinite in only one model, or in different ways. Any such element means a
   * broken model.
   */
  readonly nonFinite: number;
  /**
   * Samples for which the two models give a different number of results, when the size depends on the data
   * (detected boxes, recognized words). All other figures leave them out.
   */
  readonly otherSize: number;
}

export interface WorstSample {
  /** Its number, from 0. */
  readonly sample: number;
  readonly sqnrDb: number;
  /** Its share of the noise of all samples, 0 to 1. */
  readonly noiseShare: number;
}

/** Stands for "no signal left": zero signal, or NaN and infinities where the original has none. */
export const WORST_SQNR_DB = -300;

/** Whether the output holds floats. An output that was always empty counts as such. */
export function isOfFloats({ agreement }: OutputFidelity): boolean {
  return agreement === null;
}

/**
 * The lowest SQNR of the float outputs: Infinity if all are equal; undefined if there are none, or if samples
 * of one could not be compared.
 */
export function lowestSqnr(outputs: Readonly<Record<string, OutputFidelity>>): number | undefined {
  const floats = Object.values(outputs).filter(isOfFloats);
  if (floats.length === 0 || floats.some(({ otherSize }) => otherSize > 0)) return undefined;
  return Math.min(...floats.map(({ sqnrDb }) => sqnrDb ?? Infinity));
}

/**
 * The lowest agreement, of classes or elements, over the outputs that have one; undefined if none has, or if
 * samples of an output could not be compared.
 */
export function lowestAgreement(outputs: Readonly<Record<string, OutputFidelity>>): number | undefined {
  if (Object.values(outputs).some(({ otherSize }) => otherSize > 0)) return undefined;
  const shares = Object.values(outputs)
    .flatMap(({ top1Agreement, agreement }) => [top1Agreement, agreement])
    .filter((share) => share !== null);
  return shares.length === 0 ? undefined : Math.min(...shares);
}
