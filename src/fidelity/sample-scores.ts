/** Scores of a model on each sample, and whether one model is closer to the original than another beyond chance. */
import { bootstrapInterval, mean, type Interval } from "../numeric/bootstrap.js";

/** The score of equal outputs, dB: more than rounding to float32 allows. */
export const EQUAL_DB = 150;

export interface SampleScores {
  /** The mean over the samples, dB; EQUAL_DB without any. */
  readonly db: number;
  /**
   * By sample in order: −10·log10 of the noise relative to the signal, the mean over the outputs. So each output
   * counts by its own scale, and the worst one most.
   */
  readonly perSample: readonly number[];
  /** Whether no output has lost much: 98 % of the answers are the same, or values have 20 dB; see `lossesOf`. */
  readonly isAtFloor: boolean;
}

/** Of a model that was run on no sample. */
export const NO_SCORES: SampleScores = { db: 0, perSample: [], isAtFloor: true };

/** @param noises of each output, by the sample's number */
export function sampleScores(
  noises: readonly ReadonlyMap<number, number>[],
): Omit<SampleScores, "isAtFloor"> {
  const sums = new Map<number, { noise: number; outputs: number }>();
  for (const output of noises)
    for (const [sample, noise] of output) {
      const sum = sums.get(sample) ?? { noise: 0, outputs: 0 };
      sums.set(sample, { noise: sum.noise + noise, outputs: sum.outputs + 1 });
    }
  const perSample = [...sums]
    .sort(([a], [b]) => a - b)
    .map(([, { noise, outputs }]) => Math.min(EQUAL_DB, 10 * Math.log10(outputs / noise)));
  return { db: perSample.length === 0 ? EQUAL_DB : mean(perSample), perSample };
}

export interface Gain {
  /** How much closer the second model is, dB: the mean of the differences on each sample. */
  readonly db: number;
  /** Where that lies over further samples, with 90 % confidence; null with fewer than two samples. */
  readonly range: Interval | null;
}

/** 5 % of steps that do nothing may pass as better. */
const CONFIDENCE = 0.9;

type PerSample = Pick<SampleScores, "perSample">;

/** Of two models on the same samples. */
export function gainOf(before: PerSample, after: PerSample): Gain {
  const differences = after.perSample.map((db, k) => db - (before.perSample[k] ?? db));
  return {
    db: differences.length === 0 ? 0 : mean(differences),
    range: bootstrapInterval(differences, mean, CONFIDENCE) ?? null,
  };
}

/** What is not worth a change of the model, even if it is no chance. */
const MIN_GAIN_DB = 0.02;

/** Whether the second model is better beyond chance. Fewer than two samples show nothing. */
export function isGain({ db, range }: Gain): boolean {
  return db >= MIN_GAIN_DB && range !== null && range[0] > 0;
}
