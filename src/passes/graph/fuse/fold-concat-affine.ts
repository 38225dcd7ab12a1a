/**
 * Folds a per-channel scale and shift after a Concat of layers into these layers: each takes the slice for its
 * channels.
 *
 * Before: Conv, Conv → Concat → BatchNormalization → Relu. After: Conv, Conv → Concat → Relu.
 *
 * Handles BatchNormalization, Mul, Add, Sub and Div by constants after a Concat along the channels, if each
 * input is the output of a layer that nothing else uses. Rounding as in fold-batch-normalization. Left alone: a
 * Concat with an input that does not come from a layer, because the operator would still be needed for it, and
 * shared weights as in fold-batch-normalization.
 *
 * Not written in the pattern language: a Concat has any number of operands, and each must be a layer.
 */
import { intAttribute, isOp, type Node } from "../../../ir/index.js";
import type { GraphFacts } from "../../../ops/shape-analysis.js";
import { definePass } from "../../define-pass.js";
import { channelAffine, type ChannelAffine, type ChannelLayout, isAffineStep } from "../channel-affine.js";
import { foldWithinBudget } from "./fold-budget.js";
import { writeLayer } from "./write-layer.js";
import { rewriteGraphs, times, type Rewrite } from "./rewrite.js";
import {
  type LayerValues,
  type LinearLayer,
  linearLayer,
  takesShift,
  withScaledOutputs,
} from "../../../layers/linear-layer.js";

const NAME = "fold-concat-affine";

export const foldConcatAffine = definePass<Record<string, never>>({
  name: NAME,
  description: "Fold scales and shifts after a Concat into the layers that it joins",
  lossy: false,
  defaults: {},
  run(model) {
    return foldWithinBudget(model, { pass: NAME, stat: "nodesFolded" }, (target, ledger) => ({
      count: rewriteGraphs(
        target,
        (rewrite, facts) => (node) => isOp(node, "Concat") && times(() => foldNext(node, rewrite, facts)),
        { ledger },
      ),
    }));
  },
});

function foldNext(concat: Node, rewrite: Rewrite, facts: GraphFacts): boolean {
  const { editor } = rewrite;
  const value = concat.outputs[0] ?? "";
  const next = editor.soleConsumer(value);
  if (!isAffineStep(next) || rewrite.usesFixed(next)) return false;
  const layers = joinedLayers(concat, rewrite, facts);
  const layout = layers && commonLayout(layers, intAttribute(concat, "axis", 1));
  const affine = layout && channelAffine(next, value, layout, editor);
  const values = affine && slicedValues(layers, affine);
  if (!values) return false;
  for (const [k, layer] of layers.entries()) writeLayer(layer, values[k]!, rewrite, { steps: next.inputs });
  const output = next.outputs[0] ?? "";
  rewrite.retire(next);
  rewrite.takeOutput(concat, output);
  return true;
}

/** The layers that produce the Concat's inputs, if nothing else uses them. */
function joinedLayers(
  concat: Node,
  { editor, isFixed }: Rewrite,
  facts: GraphFacts,
): LinearLayer[] | undefined {
  const layers: LinearLayer[] = [];
  for (const name of concat.inputs) {
    const maker = editor.soleConsumer(name) === concat ? editor.producer(name) : undefined;
    const node = isOp(maker, "Add")
      ? maker.inputs.map((input) => editor.producer(input)).find((producer) => isOp(producer, "MatMul"))
      : maker;
    const layer = node && linearLayer(node, editor, facts.shape(name)?.length, isFixed);
    if (!layer || layer.last !== maker) return undefined;
    layers.push(layer);
  }
  return layers;
}

/** The concatenated channels, if the Concat is along the channel axis. */
function commonLayout(layers: readonly LinearLayer[], axis: number): ChannelLayout | undefined {
  const fromEnd = layers[0]?.layout.fromEnd;
  // All operands have the same rank, so knowing one is enough.
  const rank = layers.find(({ layout }) => layout.rank !== undefined)?.layout.rank;
  if (
    fromEnd === undefined ||
    layers.some(({ layout }) => layout.fromEnd !== fromEnd || (layout.rank ?? rank) !== rank)
  )
    return undefined;
  if ((axis < 0 ? axis : axis - (rank ?? NaN)) !== fromEnd) return undefined;
  return { channels: layers.reduce((sum, { outputs }) => sum + outputs, 0), rank, fromEnd };
}

/** New values for all layers, or undefined if one cannot take its part. */
function slicedValues(
  layers: readonly LinearLayer[],
  { scale, shift }: ChannelAffine,
): LayerValues[] | undefined {
  const values: LayerValues[] = [];
  let from = 0;
  for (const layer of layers) {
    const to = from + layer.outputs;
    const part = shift.subarray(from, to);
    const scaled =
      takesShift(layer) || part.every((value) => value === 0)
        ? withScaledOutputs(layer, scale.subarray(from, to), part)
        : undefined;
    if (!scaled) return undefined;
    values.push(scaled);
    from = to;
  }
  return values;
}
