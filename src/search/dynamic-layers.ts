/**
 * Chooses fully connected layers of an island to quantize dynamically. An input that is already quantized is
 * cheaper, but has one scale for all samples, while a range computed at run time fits each sample. The one that
 * measures better is chosen.
 */
import type { Model } from "../ir/index.js";
import { gainOf, isGain, type SampleScores } from "../fidelity/index.js";

export interface DynamicSpace {
  /** Names of the layers that run on static codes, the largest first. */
  readonly layers: readonly string[];
  /** Builds the model with these layers quantized dynamically. */
  readonly build: (layers: readonly string[]) => Promise<Model>;
  /** How close the outputs are to the reference's, on few samples. */
  readonly score: (model: Model) => Promise<SampleScores>;
}

/** Whether the second model, with these layers quantized dynamically, is no slower than the first. */
export type IsNoSlower = (before: Model, after: Model, layers: readonly string[]) => Promise<boolean>;

export interface DynamicChoice {
  /** Names of the dynamically quantized layers. */
  readonly layers: readonly string[];
  /** SQNR without them, and as chosen, in dB on few samples. */
  readonly beforeDb: number;
  readonly afterDb: number;
}

/** Most layers to measure. Models rarely have more than some tens of such layers. */
const MAX_LAYERS = 32;

/**
 * Measures layers one by one and combines those that gain, if that does not make the model slower.
 * @param deadline when to stop measuring, in the time of `performance.now()`
 */
export async function chooseDynamicLayers(
  { layers, build, score }: DynamicSpace,
  deadline: number,
  isNoSlower: IsNoSlower,
): Promise<DynamicChoice> {
  const all = await build([]);
  const before = await score(all);
  const none = { layers: [], beforeDb: before.db, afterDb: before.db };
  const gaining: string[] = [];
  for (const layer of layers.slice(0, MAX_LAYERS)) {
    if (performance.now() > deadline) break;
    if (isGain(gainOf(before, await score(await build([layer]))))) gaining.push(layer);
  }
  if (gaining.length === 0) return none;
  const chosen = await build(gaining);
  const after = await score(chosen);
  const isBetter = isGain(gainOf(before, after)) && (await isNoSlower(all, chosen, gaining));
  return isBetter ? { layers: gaining, beforeDb: before.db, afterDb: after.db } : none;
}
