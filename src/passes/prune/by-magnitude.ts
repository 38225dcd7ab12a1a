/**
 * Prunes by magnitude alone, one tensor at a time, so that memory never holds all weights or scores of a
 * model.
 */
import { elementCount, FloatReader } from "../../ir/index.js";
import {
  magnitudeThreshold,
  zeroBelow,
  zeroPattern,
  type MagnitudeThreshold,
} from "../../numeric/pruning.js";
import type { Working } from "../compute.js";
import type { WeightLayer } from "../../layers/weight-layers.js";
import { encodedPieces, finitePieces, piecesOf, requireFinite } from "../../layers/weight-values.js";
import type { BlockPattern } from "./amount.js";
import { keptOf } from "./choose-weights.js";

/** The result of pruning a layer. */
export interface PrunedLayer {
  readonly layer: WeightLayer;
  readonly count: number;
  readonly originallyLeft: number;
  readonly left: number;
  /** Whether the remaining weights were fitted to the inputs. */
  readonly isFitted: boolean;
}

/** Keeps the `keep` weights of largest magnitude over all layers together. Changes the model. */
export async function pruneTogether(
  context: Working,
  layers: readonly WeightLayer[],
  keep: number,
): Promise<PrunedLayer[]> {
  const threshold = await thresholdOf(context, layers, keep);
  return eachLayer(context, layers, (layer) => pruneLayer(layer, threshold));
}

/** Removes a `ratio` of the weights of each layer. */
export function pruneEach(
  context: Working,
  layers: readonly WeightLayer[],
  ratio: number,
): Promise<PrunedLayer[]> {
  return eachLayer(context, layers, async (layer) =>
    pruneLayer(layer, await thresholdOf({}, [layer], keptOf(elementCount(layer.tensor), ratio))),
  );
}

/**
 * Keeps the largest N of every M consecutive input channels. Holds one tensor in memory, because blocks lie
 * across its rows.
 */
export function pruneBlocks(
  context: Working,
  layers: readonly WeightLayer[],
  pattern: BlockPattern,
): Promise<PrunedLayer[]> {
  const reader = new FloatReader(layers.map(({ tensor }) => tensor));
  return eachLayer(context, layers, (layer) => {
    const { tensor, layout } = layer;
    const values = reader.read(tensor);
    requireFinite(values, tensor);
    const { before, after } = zeroPattern(values, layout, pattern, layout.channelStride);
    if (after < before)
      layer.uses[0].editor.replaceValues(tensor, encodedPieces(tensor.dataType, piecesOf(values)));
    return { layer, count: values.length, originallyLeft: before, left: after, isFitted: false };
  });
}

async function eachLayer(
  { advance }: Working,
  layers: readonly WeightLayer[],
  prune: (layer: WeightLayer) => PrunedLayer | Promise<PrunedLayer>,
): Promise<PrunedLayer[]> {
  const pruned: PrunedLayer[] = [];
  for (const layer of layers) {
    pruned.push(await prune(layer));
    await advance?.(pruned.length, layers.length);
  }
  return pruned;
}

/** Reads all weights twice. */
function thresholdOf(
  { advance }: Pick<Working, "advance">,
  layers: readonly WeightLayer[],
  keep: number,
): Promise<MagnitudeThreshold> {
  let reading = 0;
  return magnitudeThreshold(
    {
      async *[Symbol.asyncIterator]() {
        reading++;
        for (const [index, { tensor }] of layers.entries()) {
          for (const piece of finitePieces(tensor)) {
            yield piece;
            await advance?.(index, layers.length, `threshold, reading ${reading} of 2`);
          }
        }
      },
    },
    keep,
  );
}

function pruneLayer(layer: WeightLayer, threshold: MagnitudeThreshold): PrunedLayer {
  const {
    tensor,
    uses: [{ editor }],
  } = layer;
  // A trial run, whose pieces are discarded, shows whether anything changes before anything is written.
  const trial = { ...threshold };
  let originallyLeft = 0;
  let left = 0;
  for (const piece of finitePieces(tensor)) {
    const { before, after } = zeroBelow(piece, trial);
    originallyLeft += before;
    left += after;
  }
  if (left < originallyLeft)
    editor.replaceValues(tensor, encodedPieces(tensor.dataType, prunedPieces(layer, { ...threshold })));
  threshold.ties = trial.ties;
  return { layer, count: elementCount(tensor), originallyLeft, left, isFitted: false };
}

function* prunedPieces(
  { tensor }: WeightLayer,
  threshold: MagnitudeThreshold,
): Generator<Float32Array, void> {
  for (const piece of finitePieces(tensor)) {
    zeroBelow(piece, threshold);
    yield piece;
  }
}
