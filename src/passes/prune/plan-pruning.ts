/** Chooses the layers that pruning may change, with a reason for each of the others. */
import { elementCount, type Model } from "../../ir/index.js";
import { selectNodes } from "../../ops/select.js";
import type { NodeStatus } from "../contract.js";
import { type WeightLayer, weightLayers } from "../../layers/weight-layers.js";
import { layerStatus } from "../layer-status.js";
import { isFloating } from "../../layers/weight-values.js";
import { protectedEnds } from "./protection.js";

export interface PruningPlan {
  readonly layers: readonly WeightLayer[];
  /** Layers that are kept, each with its reason. */
  readonly kept: readonly NodeStatus[];
  /** Weights of the protected first and last layers, which the ratio counts as well. */
  readonly denseWeights: number;
  /** Remarks on layers that are pruned although they are the first or the last. */
  readonly remarks: ReadonlyMap<WeightLayer, string>;
}

interface PruningScope {
  readonly exclude: readonly string[];
  readonly protectEnds: boolean;
  readonly protectDepthwise: boolean;
}

/** Throws EdgecError UNMATCHED_SELECTOR for an exclusion that points at nothing. */
export function planPruning(
  model: Model,
  { exclude, protectEnds, protectDepthwise }: PruningScope,
  user: string,
): PruningPlan {
  const excluded = selectNodes(model, exclude, user);
  const kept: NodeStatus[] = [];
  const keep = (layer: WeightLayer, reason: string): void =>
    void kept.push(layerStatus(layer, "kept", reason));
  const candidates = weightLayers(model).filter((layer) => {
    const reason = whyNot(layer, protectDepthwise, (use) => excluded.has(use.node, layer.tensor.name));
    if (reason !== undefined) keep(layer, reason);
    return reason === undefined;
  });
  const { ends, tooLarge } = protectedEnds(model, protectEnds ? candidates : []);
  for (const [layer, end] of ends)
    keep(
      layer,
      `the ${end} layer is protected: it has few weights, and no other layer can compensate its errors`,
    );
  return {
    layers: candidates.filter((layer) => !ends.has(layer)),
    kept,
    denseWeights: [...ends.keys()].reduce((sum, layer) => sum + elementCount(layer.tensor), 0),
    remarks: new Map(
      [...tooLarge].map(([layer, end]) => [
        layer,
        `the ${end} layer, not protected because it holds too much of the network`,
      ]),
    ),
  };
}

function whyNot(
  layer: WeightLayer,
  protectDepthwise: boolean,
  isExcluded: (use: WeightLayer["uses"][number]) => boolean,
): string | undefined {
  const [first] = layer.uses;
  if (layer.uses.some(isExcluded)) return "excluded";
  if (layer.uses.some((use) => use.kind === "embedding"))
    return "an embedding is looked up, not multiplied: its zeros are values like any other";
  if (!isFloating(layer.tensor)) return "holds integer codes: prune before quantization";
  if (layer.obstacle !== undefined) return layer.obstacle;
  return protectDepthwise && first.depthwise
    ? "a depthwise convolution is protected: it has too few weights per channel to compensate a lost one"
    : undefined;
}
