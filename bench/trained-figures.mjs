/** Statistics of the bench on trained models, and what is asked of each. */

/** Asked of the model, by effort: decibels, share of agreement, speed, processor seconds. */
export const ASKED = {
  minilm: {
    balanced: { sqnr: 20, agreement: 0.95, speed: 1.5 },
    best: { sqnr: 25, agreement: 0.98, speed: 1.5, seconds: 60 },
  },
  "v6-rec": { balanced: { sqnr: 22 }, best: { sqnr: 26, seconds: 90 } },
  "v6-det": { balanced: { sqnr: 22 }, best: { sqnr: 26, seconds: 90 } },
  "v4-rec": { balanced: { sqnr: 20 }, best: { sqnr: 26 } },
};
/** Asked of all at the default. */
export const ASKED_OF_ALL = { size: 2, speed: 0.97 };
export const MOST_SPREAD_DB = 1.5;
/** What "best" may lose against the default, dB. */
export const MOST_LOST_DB = 0.3;

const RESAMPLES = 2000;

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** From the lowest to the highest. */
export const spread = (values) => Math.max(...values) - Math.min(...values);

/** Per sample the median over the splits, for the same samples judge every split. */
export const perSample = (runs) =>
  runs[0].samples.map((_, k) => median(runs.map(({ samples }) => samples[k])));

/** The median of paired differences, and its 95 % interval by resampling the samples. */
export function pairedDifference(after, before) {
  const differences = after.map((value, k) => value - before[k]);
  const random = generator(1);
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(differences.map(() => differences[Math.floor(random() * differences.length)])),
  ).sort((a, b) => a - b);
  return {
    median: median(differences),
    low: medians[Math.floor(0.025 * RESAMPLES)],
    high: medians[Math.floor(0.975 * RESAMPLES)],
  };
}

function generator(seed) {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}
