/**
 * Which fully connected layers of an island take their ranges at run time. Codes that reach a layer are the
 * cheaper input; but they have one scale for all samples, where a range taken at run time has that of the
 * sample at hand. Whichever measures better is taken.
 */
import type { Model } from "../ir/index.js";
import { noiseOf } from "../numeric/decibels.js";

export interface DynamicSpace {
  /** Names of the layers that run on static codes, the largest first. */
  readonly layers: readonly string[];
  /** The model with the ranges of these taken at run time. */
  readonly build: (layers: readonly string[]) => Promise<Model>;
  /** How near the outputs are on few samples, dB. */
  readonly score: (model: Model) => Promise<number>;
}

/**
 * Whether the model with the ranges of these layers taken at run time, which comes second, is no slower
 * than the first.
 */
export type IsNoSlower = (before: Model, after: Model, layers: readonly string[]) => Promise<boolean>;

export interface DynamicChoice {
  /** Names of the layers whose ranges are taken at run time. */
  readonly layers: readonly string[];
  /** With none of them, and as chosen, dB on few samples. */
  readonly beforeDb: number;
  readonly afterDb: number;
}

/** Models have tens of such layers at most; more are not worth a measurement each. */
const MAX_LAYERS = 32;
/** What a layer's static form must add to the noise for it to be worth a thought. */
const MIN_SHARE = 0.02;

/**
 * Layers are measured one by one and those that gain are put together, if the model is no slower for it.
 * @param deadline when to stop measuring, by `performance.now()`
 */
export async function chooseDynamicLayers(
  { layers, build, score }: DynamicSpace,
  deadline: number,
  isNoSlower: IsNoSlower,
): Promise<DynamicChoice> {
  const all = await build([]);
  const beforeDb = await score(all);
  const none = { layers: [], beforeDb, afterDb: beforeDb };
  const gaining: string[] = [];
  for (const layer of layers.slice(0, MAX_LAYERS)) {
    if (performance.now() > deadline) break;
    if (noiseOf(await score(await build([layer]))) < (1 - MIN_SHARE) * noiseOf(beforeDb)) gaining.push(layer);
  }
  if (gaining.length === 0) return none;
  const chosen = await build(gaining);
  const afterDb = await score(chosen);
  const isBetter = afterDb > beforeDb && (await isNoSlower(all, chosen, gaining));
  return isBetter ? { layers: gaining, beforeDb, afterDb } : none;
}
