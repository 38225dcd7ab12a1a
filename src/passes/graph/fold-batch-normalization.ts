/**
 * Folds a BatchNormalization, or a Mul, Add, Sub or Div by a constant for each channel, into the weights and
 * bias of the layer before it: w' = w · s, b' = b · s + t for every output channel (Jacob et al. 2018, eq. 14).
 *
 * Before: Conv → BatchNormalization → Relu. After: Conv → Relu. Computed in float64 and rounded once, so
 * outputs change only by rounding: at most about (terms of the sum + 2) · 2⁻²⁴ of the sum of the products'
 * absolute values.
 *
 * Handles float32 Conv, ConvTranspose, Gemm and MatMul with constant weights whose output nothing else uses, at
 * inference. The bias of a MatMul is the Add after it; without one, only scales can be folded. A chain (Conv →
 * Mul → Add) is folded step by step. Left alone: layers whose new weights would not be finite, and layers that
 * share a weight if copies of it would take more bytes than folding frees (fold-budget.ts).
 */
import { isOp, type Node } from "../../ir/index.js";
import {
  fit,
  type Found,
  misfit,
  nearMisfit,
  nodeThat,
  type Outcome,
  rule,
  type Scope,
  value,
} from "../../patterns/index.js";
import { definePass } from "../define-pass.js";
import { AFFINE_STEPS, channelAffine } from "./channel-affine.js";
import { foldWithinBudget } from "./fuse/fold-budget.js";
import { fuseAll, type Fusion } from "./fuse/fusion.js";
import { writeLayer } from "./fuse/write-layer.js";
import {
  LAYERS,
  type LayerValues,
  linearLayer,
  takesShift,
  withScaledOutputs,
} from "../../layers/linear-layer.js";

const NAME = "fold-batch-normalization";

/** A layer, including the Add with the bias of a MatMul. */
const layer = nodeThat(LAYERS, [], (node, _, { editor, facts, isFixed }) => {
  const read = linearLayer(node, editor, facts.shape(node.outputs[0] ?? "")?.length, isFixed);
  return read ? fit(read, read.last) : misfit(`the weights of ${node.opType} are not constant`);
});
/** The step after it; its constant may be either operand. */
const step = nodeThat(AFFINE_STEPS, [layer, value("constant")], foldedValues, { commutes: true });

const STEP_BEHIND_LAYER: Fusion = {
  rule: rule({ pattern: step, anchor: layer }),
  write({ found, last }, { rewrite }) {
    const read = found.of(layer);
    writeLayer(read, found.of(step), rewrite, { steps: last.inputs });
    const output = last.outputs[0] ?? "";
    rewrite.retire(last);
    rewrite.takeOutput(read.last, output);
    return undefined;
  },
};

export const foldBatchNormalization = definePass<Record<string, never>>({
  name: NAME,
  description: "Fold per-channel scales and shifts into the layer before them",
  lossy: false,
  defaults: {},
  run(model) {
    return foldWithinBudget(model, { pass: NAME, stat: "nodesFolded" }, (target, ledger) =>
      fuseAll(target, [STEP_BEHIND_LAYER], { ledger, isRepeated: true }),
    );
  },
});

/** The layer's new values, or why the step cannot be folded into it. */
function foldedValues(next: Node, found: Found, { editor, isFixed }: Scope): Outcome<LayerValues> {
  const read = found.of(layer);
  if (next.inputs.some((name) => hasFixed(name)))
    return misfit("its constants are shared, and copies would make the model larger");
  const affine = channelAffine(next, read.last.outputs[0] ?? "", read.layout, editor);
  if (!affine) {
    const why = "its operand is not a constant with one value per channel";
    return isOp(next, "BatchNormalization") ? nearMisfit(why) : misfit(why);
  }
  if (!takesShift(read) && affine.shift.some((shift) => shift !== 0))
    return nearMisfit("a MatMul without an Add has no bias to take the shift");
  const values = withScaledOutputs(read, affine.scale, affine.shift);
  return values ? fit(values) : nearMisfit("the new weights would not be finite");

  function hasFixed(name: string): boolean {
    const tensor = editor.constant(name);
    return tensor !== undefined && isFixed(tensor);
  }
}
