/**
 * Folds a BatchNormalization, or a Mul, Add, Sub or Div by a constant for each channel, into the weights and bias of the
 * layer before it: w' = w · s, b' = b · s + t for every output channel (Jacob et al. 2018, eq. 14).
 *
 * Before: Conv → BatchNormalization → Relu. After: Conv → Relu. Computed in float64 and rounded once, so outputs differ
 * from before by rounding: at most about (terms of the sum + 2) · 2⁻²⁴ of the sum of the products' absolute values.
 *
 * Takes float32 Conv, ConvTranspose, Gemm and MatMul with constant weights whose output nothing else uses, at inference.
 * The bias of a MatMul is the Add behind it; without one it takes only scales. A chain (Conv → Mul → Add) goes step by
 * step. Left alone: layers whose new weights would not be finite, and layers that share a weight where copies of it would
 * take more bytes than folding frees (fold-budget.ts).
 */
import { isOp, type Node } from "../../ir/index.js";
import type { GraphFacts } from "../../ops/shape-analysis.js";
import { definePass } from "../define-pass.js";
import { channelAffine } from "./channel-affine.js";
import { foldWithinBudget } from "./fuse/fold-budget.js";
import { linearLayer, takesShift, withScaledOutputs, writeLayer } from "./fuse/linear-layer.js";
import { rewriteGraphs, times, type Rewrite } from "./fuse/rewrite.js";

const NAME = "fold-batch-normalization";

export const foldBatchNormalization = definePass<Record<string, never>>({
  name: NAME,
  description: "folds per-channel scales and shifts into the layer before them",
  lossy: false,
  defaults: {},
  run(model) {
    return foldWithinBudget(model, { pass: NAME, stat: "nodesFolded" }, (target, ledger) => rewriteGraphs(
      target, (rewrite, facts) => (node) => isOp(node, "Conv", "ConvTranspose", "Gemm", "MatMul") && times(() => foldNext(node, rewrite, facts)), { ledger },
    ));
  },
});

/** Folds the step right behind the layer. */
function foldNext(node: Node, rewrite: Rewrite, facts: GraphFacts): boolean {
  const { editor } = rewrite;
  const layer = linearLayer(node, editor, facts.shape(node.outputs[0] ?? "")?.length, rewrite.isFixed);
  const value = layer?.last.outputs[0] ?? "";
  const next = layer && editor.soleConsumer(value);
  const affine = next && (rewrite.usesFixed(next) ? undefined : channelAffine(next, value, layer.layout, editor));
  if (!affine || (!takesShift(layer) && affine.shift.some((shift) => shift !== 0))) return false;
  const values = withScaledOutputs(layer, affine.scale, affine.shift);
  if (!values) return false;
  writeLayer(layer, values, rewrite, { steps: next.inputs });
  const output = next.outputs[0] ?? "";
  rewrite.retire(next);
  rewrite.takeOutput(layer.last, output);
  return true;
}
