/**
 * Recognizes Gelu written out in elementary operators, in its exact form and in that with tanh (Hendrycks,
 * Gimpel 2016).
 *
 *   ½ x (1 + erf(x / √2))  →  Gelu(x)          ½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))  →  Gelu(x,
 *   approximate "tanh")
 *
 * With operator set 20 or later it writes the standard Gelu, before that Gelu and FastGelu of
 * com.microsoft: these are what onnxruntime itself puts there at its default level, so no model comes to
 * need a kernel that it did not use.
 *
 * Takes float32 in any order of the factors, with x³ as Pow or as products, when nothing else uses what
 * lies between, and x is known to have axes where a constant has one. Results differ by rounding. x ·
 * Sigmoid(1.702 x) is for fuse-swish.
 */
import {
  attribute,
  type GraphEditor,
  isOp,
  makeNode,
  type Model,
  type Node,
  opsetVersion,
} from "../../../ir/index.js";
import type { GraphFacts } from "../../../ops/shape-analysis.js";
import { definePass } from "../../define-pass.js";
import { exactResult } from "../result.js";
import {
  CONTRIB,
  exponentOf,
  hasAxes,
  importContrib,
  isNear,
  mayRaiseRank,
  otherInput,
  scalarFactor,
  scaledInput,
  shiftedInput,
  soleProducer,
} from "./pattern.js";
import { rewriteGraphs, type Rewrite } from "./rewrite.js";

/** Oldest operator set with Gelu. */
const GELU_OPSET = 20;

export const fuseGelu = definePass<Record<string, never>>({
  name: "fuse-gelu",
  description: "recognizes Gelu written out in elementary operators",
  lossy: false,
  defaults: {},
  run(model) {
    return exactResult({
      gelusFused: rewriteGraphs(
        model,
        (rewrite, facts) => (node) => isOp(node, "Erf", "Tanh") && fuse(node, rewrite, model, facts),
      ),
    });
  },
});

function fuse(node: Node, rewrite: Rewrite, model: Model, facts: GraphFacts): boolean {
  const { editor } = rewrite;
  const x = isOp(node, "Erf") ? inputOfErf(node, editor) : inputOfTanh(node, editor);
  const last = x === undefined ? undefined : endOfGelu(node, x, editor);
  if (x === undefined || !last || mayRaiseRank(x, last, facts, editor)) return false;
  const gelu = geluNode(x, isOp(node, "Tanh"), model);
  // onnxruntime's FastGelu refuses scalars.
  if (gelu.opType === "FastGelu" && !hasAxes(x, facts)) return false;
  if (gelu.domain === CONTRIB) importContrib(model);
  rewrite.replace(last, gelu);
  return true;
}

function geluNode(x: string, tanh: boolean, model: Model): Node {
  if (opsetVersion(model) >= GELU_OPSET)
    return makeNode("Gelu", [x], [""], [attribute.string("approximate", tanh ? "tanh" : "none")]);
  return { ...makeNode(tanh ? "FastGelu" : "Gelu", [x], [""]), domain: CONTRIB };
}

/** x of erf(x / √2). */
function inputOfErf(node: Node, editor: GraphEditor): string | undefined {
  const scaled = scaledInput(soleProducer(node.inputs[0], editor), editor);
  return isNear(scaled?.factor, Math.SQRT1_2) ? scaled?.input : undefined;
}

/** x of tanh(√(2/π) (x + 0.044715 x³)). */
function inputOfTanh(node: Node, editor: GraphEditor): string | undefined {
  const scaled = scaledInput(soleProducer(node.inputs[0], editor), editor);
  const sum = isNear(scaled?.factor, Math.sqrt(2 / Math.PI))
    ? soleProducer(scaled?.input, editor)
    : undefined;
  if (!isOp(sum, "Add")) return undefined;
  return sum.inputs.find((x) => isScaledCube(otherInput(sum, x), x, editor));
}

/** Whether the value is 0.044715 x³. */
function isScaledCube(name: string, x: string, editor: GraphEditor): boolean {
  const scaled = scaledInput(soleProducer(name, editor), editor);
  return isNear(scaled?.factor, 0.044715) && scaled !== undefined && isCube(scaled.input, x, editor);
}

function isCube(name: string, x: string, editor: GraphEditor): boolean {
  const node = soleProducer(name, editor);
  if (!node) return false;
  if (isOp(node, "Pow")) return node.inputs[0] === x && exponentOf(node, editor) === 3;
  if (!isOp(node, "Mul") || !node.inputs.includes(x)) return false;
  const square = soleProducer(otherInput(node, x), editor);
  return (
    isOp(square, "Mul", "Pow") &&
    square.inputs[0] === x &&
    (isOp(square, "Mul") ? square.inputs[1] === x : exponentOf(square, editor) === 2)
  );
}

/** The node that gives ½ x (1 + f), where `node` gives f. */
function endOfGelu(node: Node, x: string, editor: GraphEditor): Node | undefined {
  const plusOne = editor.soleConsumer(node.outputs[0] ?? "");
  const one = shiftedInput(plusOne, editor);
  const sum = plusOne?.outputs[0] ?? "";
  if (one?.shift !== 1 || one.input !== node.outputs[0]) return undefined;
  const product = editor.soleConsumer(sum);
  if (!isOp(product, "Mul", "Div")) return undefined;
  const [result, other] = [product.outputs[0] ?? "", otherInput(product, sum)];
  const next = editor.soleConsumer(result);
  if (isOp(product, "Mul") && other === x)
    return scalarFactor(next, result, editor) === 0.5 ? next : undefined;
  if (scalarFactor(product, sum, editor) === 0.5)
    return isOp(next, "Mul") && otherInput(next, result) === x ? next : undefined;
  const half = isOp(product, "Mul") ? soleProducer(other, editor) : undefined;
  return half?.inputs.includes(x) && scalarFactor(half, x, editor) === 0.5 ? product : undefined;
}
