/**
 * Folds a per-channel scale and shift behind a Concat of layers into every layer: each takes the slice of
 * its channels.
 *
 * Before: Conv, Conv → Concat → BatchNormalization → Relu. After: Conv, Conv → Concat → Relu.
 *
 * Takes BatchNormalization, Mul, Add, Sub and Div by constants behind a Concat along the channels, when
 * every input is made by a layer of its own whose output nothing else uses. Rounding as in
 * fold-batch-normalization. Left alone: a Concat with an input that is no layer, since the rest would still
 * need the operator, and shared weights as in fold-batch-normalization.
 *
 * No pattern of src/patterns: a Concat has any number of operands, and each must be a layer.
 */
import { intAttribute, isOp, type Node } from "../../../ir/index.js";
import type { GraphFacts } from "../../../ops/shape-analysis.js";
import { definePass } from "../../define-pass.js";
import { channelAffine, type ChannelAffine, type ChannelLayout, isAffineStep } from "../channel-affine.js";
import { foldWithinBudget } from "./fold-budget.js";
import { writeLayer } from "./linear-layer.js";
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
  description: "folds scales and shifts behind a Concat into the layers that it joins",
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

/** The layers that make the Concat's inputs, each for it alone. */
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

/** The joined channels, when the Concat joins along them. */
function commonLayout(layers: readonly LinearLayer[], axis: number): ChannelLayout | undefined {
  const fromEnd = layers[0]?.layout.fromEnd;
  // What is joined has one rank: it is enough to know it of one.
  const rank = layers.find(({ layout }) => layout.rank !== undefined)?.layout.rank;
  if (
    fromEnd === undefined ||
    layers.some(({ layout }) => layout.fromEnd !== fromEnd || (layout.rank ?? rank) !== rank)
  )
    return undefined;
  if ((axis < 0 ? axis : axis - (rank ?? NaN)) !== fromEnd) return undefined;
  return { channels: layers.reduce((sum, { outputs }) => sum + outputs, 0), rank, fromEnd };
}

/** New values for every layer, or undefined when one cannot take its part. */
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
