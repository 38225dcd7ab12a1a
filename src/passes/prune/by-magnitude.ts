/** Pruning by magnitude alone, tensor by tensor: neither weights nor scores of a model are in memory together. */
import { elementCount, FloatReader, tensorSource } from "../../ir/index.js";
import { magnitudeThreshold, zeroBelow, type MagnitudeThreshold } from "../../numeric/pruning.js";
import type { WeightLayer } from "../weights/weight-layers.js";
import { finiteValues, withValues } from "../weights/weight-values.js";
import { keptOf } from "./choose-weights.js";

/** What pruning did to a layer. */
export interface PrunedLayer {
  readonly layer: WeightLayer;
  readonly count: number;
  readonly originallyLeft: number;
  readonly left: number;
  /** Whether the weights that stay were fitted to the inputs. */
  readonly isFitted: boolean;
}

/** Leaves `keep` weights of all layers together, those of largest magnitude. Changes the model. */
export function pruneTogether(layers: readonly WeightLayer[], keep: number): PrunedLayer[] {
  const threshold = thresholdOf(layers, keep);
  return layers.map((layer) => pruneLayer(layer, threshold));
}

/** Removes a `ratio` of the weights of each layer. */
export function pruneEach(layers: readonly WeightLayer[], ratio: number): PrunedLayer[] {
  return layers.map((layer) => pruneLayer(layer, thresholdOf([layer], keptOf(elementCount(layer.tensor), ratio))));
}

function thresholdOf(layers: readonly WeightLayer[], keep: number): MagnitudeThreshold {
  const reader = new FloatReader(Math.max(0, ...layers.filter(({ tensor }) => tensorSource(tensor)).map(({ tensor }) => elementCount(tensor))));
  return magnitudeThreshold({
    *[Symbol.iterator]() {
      for (const { tensor } of layers) yield reader.read(tensor);
    },
  }, keep);
}

function pruneLayer(layer: WeightLayer, threshold: MagnitudeThreshold): PrunedLayer {
  const values = finiteValues(layer.tensor);
  const { before, after } = zeroBelow(values, threshold);
  if (after < before) layer.uses[0].editor.replaceInitializer(withValues(layer.tensor, values));
  return { layer, count: values.length, originallyLeft: before, left: after, isFitted: false };
}
