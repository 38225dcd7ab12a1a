/**
 * Recognizes Swish (Ramachandran et al. 2017), also known as SiLU: x · Sigmoid(α x).
 *
 *   x · Sigmoid(α x)  →  QuickGelu(x, α) of com.microsoft
 *
 * QuickGelu is what onnxruntime itself puts there at its default level, so no model comes to need a kernel
 * that it did not use; for the standard Swish of operator set 24 onnxruntime 1.30 has none. Takes float32
 * with a scalar α that is not zero, when nothing else uses what lies between, and x is known to have axes
 * where α has one. Results differ by rounding: onnxruntime 1.32 gave at most 2.4e-7 for x from -3 to 3.
 */
import {
  attribute,
  DataType,
  type GraphEditor,
  isOp,
  makeNode,
  type Model,
  type Node,
} from "../../../ir/index.js";
import type { GraphFacts } from "../../../ops/shape-analysis.js";
import { definePass } from "../../define-pass.js";
import { exactResult } from "../result.js";
import { CONTRIB, importContrib, mayRaiseRank, otherInput, scaledInput, soleProducer } from "./pattern.js";
import { rewriteGraphs, type Rewrite } from "./rewrite.js";

export const fuseSwish = definePass<Record<string, never>>({
  name: "fuse-swish",
  description: "recognizes Swish (SiLU) written out with a Sigmoid",
  lossy: false,
  defaults: {},
  run(model) {
    return exactResult({
      activationsFused: rewriteGraphs(
        model,
        (rewrite, facts) => (node) => isOp(node, "Sigmoid") && fuse(node, rewrite, model, facts),
      ),
    });
  },
});

function fuse(sigmoid: Node, rewrite: Rewrite, model: Model, facts: GraphFacts): boolean {
  const { editor } = rewrite;
  const gate = sigmoid.outputs[0] ?? "";
  const product = editor.soleConsumer(gate);
  if (!isOp(product, "Mul")) return false;
  const x = otherInput(product, gate);
  const alpha = slopeOf(sigmoid.inputs[0] ?? "", x, editor);
  if (
    alpha === undefined ||
    facts.type(x)?.elementType !== DataType.FLOAT ||
    mayRaiseRank(x, product, facts, editor)
  )
    return false;
  importContrib(model);
  rewrite.replace(product, {
    ...makeNode("QuickGelu", [x], [""], [attribute.float("alpha", Math.fround(alpha))]),
    domain: CONTRIB,
  });
  return true;
}

/** α, when the value is α x: x itself, or its product with a scalar that is used here alone. */
function slopeOf(name: string, x: string, editor: GraphEditor): number | undefined {
  if (name === x) return 1;
  const scaled = scaledInput(soleProducer(name, editor), editor);
  return scaled?.input === x && scaled.factor !== 0 && Number.isFinite(scaled.factor)
    ? scaled.factor
    : undefined;
}
