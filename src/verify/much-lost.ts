/** Outputs of which a compressed model has lost so much that nobody should use it unseen. */
import type { Fidelity } from "./compare-outputs.js";
import type { OutputFidelity } from "./fidelity.js";

/** Answers that must be the same, as a share, where an output is an answer: a class, a label, an index. */
export const LEAST_AGREEMENT = 0.98;
/** Signal to noise of outputs that are values, dB. */
export const LEAST_DB = 20;
/** Inputs that were made up are mostly of one class, so that it stays the same whatever becomes of the scores, dB. */
const LEAST_DB_MADE_UP = 10;
/** Fewer that all agree cannot show a share of 98 %. */
const ENOUGH_SAMPLES = 50;

export interface Loss {
  readonly output: string;
  /** Share of answers that are the same; null where the output is judged by `sqnrDb`. */
  readonly agreement: number | null;
  readonly sqnrDb: number | null;
  /** Samples with another number of results, where that is the loss. */
  readonly otherSize?: number;
}

/**
 * Outputs next to nothing are noise against noise, and those whose number of results differs have no figures. A single
 * answer that changed among fewer than fifty is no evidence by itself.
 * @param isMadeUp whether the samples are random feeds
 */
export function lossesOf({ outputs, samples }: Pick<Fidelity, "outputs" | "samples">, isMadeUp = false): Loss[] {
  return Object.entries(outputs).flatMap(([output, figures]): Loss[] => {
    const { sqnrDb, nearZero, otherSize, top1Agreement, agreement } = figures;
    // A detector may find one object more; another number nearly everywhere is another model.
    if (otherSize > 1 && otherSize > samples / 2) return [{ output, agreement: null, sqnrDb: null, otherSize }];
    if (nearZero || otherSize >= samples) return [];
    const answers = top1Agreement ?? agreement;
    if (answers !== null && isLost(answers, figures, samples - otherSize)) return [{ output, agreement: answers, sqnrDb }];
    // Few samples that agree show little: the scores themselves must be near as well.
    const isShown = !isMadeUp && samples - otherSize >= ENOUGH_SAMPLES;
    const least = answers === null ? LEAST_DB : top1Agreement !== null && !isShown ? LEAST_DB_MADE_UP : -Infinity;
    return sqnrDb !== null && sqnrDb < least ? [{ output, agreement: null, sqnrDb }] : [];
  });
}

function isLost(share: number, { sqnrDb, top1Agreement }: OutputFidelity, samples: number): boolean {
  if (share >= LEAST_AGREEMENT) return false;
  const isFar = sqnrDb === null || sqnrDb < LEAST_DB;
  // Integers may be values as well as answers, such as the pixels of an image: those are a little off everywhere.
  if (top1Agreement === null) return isFar;
  return isFar || samples * (1 - share) > 1.5;
}
