/** Finds outputs that lost so much that nobody should use the compressed model unseen. */
import type { OutputFidelity } from "./output-fidelity.js";

/** Fraction of answers that must be the same, for outputs that are answers: a class, a label, an index. */
export const MIN_AGREEMENT = 0.98;
/** Lowest signal-to-noise ratio of outputs that are values, in dB. */
export const MIN_DB = 20;
/**
 * The limit for random inputs, in dB. These are mostly of one class, which then stays the same however the
 * scores change.
 */
const MIN_GENERATED_DB = 10;
/** Fewer samples that all agree cannot show an agreement of 98 %. */
const ENOUGH_SAMPLES = 50;

export interface Loss {
  readonly output: string;
  /** Fraction of equal answers; null if the output is judged by `sqnrDb`. */
  readonly agreement: number | null;
  readonly sqnrDb: number | null;
  /** Samples with a different number of results, if that is the loss. */
  readonly otherSize?: number;
}

/**
 * Skips outputs near zero, which compare noise with noise, and outputs without figures because their number
 * of results differs. A single changed answer among fewer than fifty is not evidence.
 * @param isMadeUp whether the samples are random inputs
 */
export function lossesOf(
  {
    outputs,
    samples,
  }: { readonly outputs: Readonly<Record<string, OutputFidelity>>; readonly samples: number },
  isMadeUp = false,
): Loss[] {
  return Object.entries(outputs).flatMap(([output, figures]): Loss[] => {
    const { sqnrDb, nearZero, otherSize, top1Agreement, agreement } = figures;
    // A detector may find one object more; a different number in most samples means a broken model.
    if (otherSize > 1 && otherSize > samples / 2)
      return [{ output, agreement: null, sqnrDb: null, otherSize }];
    if (nearZero || otherSize >= samples) return [];
    const answers = top1Agreement ?? agreement;
    if (answers !== null && isLost(answers, figures, samples - otherSize))
      return [{ output, agreement: answers, sqnrDb }];
    // Agreement on few samples shows little: the scores themselves must be close as well.
    const isShown = !isMadeUp && samples - otherSize >= ENOUGH_SAMPLES;
    const least =
      answers === null ? MIN_DB : top1Agreement !== null && !isShown ? MIN_GENERATED_DB : -Infinity;
    return sqnrDb !== null && sqnrDb < least ? [{ output, agreement: null, sqnrDb }] : [];
  });
}

function isLost(share: number, { sqnrDb, top1Agreement }: OutputFidelity, samples: number): boolean {
  if (share >= MIN_AGREEMENT) return false;
  const isFar = sqnrDb === null || sqnrDb < MIN_DB;
  // Integers may also be values, such as pixels of an image, which are slightly off everywhere.
  if (top1Agreement === null) return isFar;
  return isFar || samples * (1 - share) > 1.5;
}
