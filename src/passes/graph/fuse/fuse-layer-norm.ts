/**
 * Recognizes LayerNormalization (Ba et al. 2016) and RMSNormalization (Zhang, Sennrich 2019) along the last axis.
 *
 *   d = x - mean(x);  d / √(mean(d²) + ε) · γ + β   →  LayerNormalization(x, γ, β)       from operator set 17
 *                     x / √(mean(x²) + ε) · γ       →  RMSNormalization(x, γ)            from operator set 23
 *
 * Takes float32 with a known size of the last axis; γ and β are vectors of that size and may be missing. A model of an
 * older operator set is raised to 17 when all of it can be, or else left alone: LayerNormalization before 17 and
 * RMSNormalization before 23 exist only inside onnxruntime, which puts them there itself.
 *
 * Results differ by rounding. Kernels that take the variance as mean(x²) - mean(x)² lose digits where the mean is much
 * larger than the deviation; onnxruntime's own fusion, which it applies at its default level, has the same effect.
 */
import { attribute, DataType, elementCount, floatTensor, GraphEditor, isOp, makeNode, type Model, type Node, opsetVersion } from "../../../ir/index.js";
import { analyzeShapes, type GraphFacts } from "../../../ops/shape-analysis.js";
import { upgradeOpset } from "../../../ops/upgrade/upgrade-opset.js";
import { definePass } from "../../define-pass.js";
import { exactResult } from "../result.js";
import { isMeanOfLastAxis, otherInput, scalarOf, shiftedInput, soleProducer, squaredInput } from "./pattern.js";
import { rewriteGraphs, type Rewrite } from "./rewrite.js";

const LAYER_NORM_OPSET = 17;
const RMS_NORM_OPSET = 23;

interface Normalization {
  readonly kind: "LayerNormalization" | "RMSNormalization";
  readonly x: string;
  readonly epsilon: number;
  /** The node that gives the normalized value, before scale and bias. */
  readonly last: Node;
  readonly size: number;
}

export const fuseLayerNorm = definePass<Record<string, never>>({
  name: "fuse-layer-norm",
  description: "recognizes LayerNormalization and RMSNormalization written out in elementary operators",
  lossy: false,
  defaults: {},
  run(model) {
    if (!reachesOpset(model)) return exactResult({ normalizationsFused: 0 });
    const opset = opsetVersion(model);
    return exactResult({
      normalizationsFused: rewriteGraphs(model, (rewrite, facts) => (node) => isOp(node, "Sqrt") && fuse(node, rewrite, facts, opset)),
    });
  },
});

/** Whether the model has the operator set, or comes to it: it is raised only when there is something to fuse. */
function reachesOpset(model: Model): boolean {
  if (opsetVersion(model) >= LAYER_NORM_OPSET) return true;
  const editors = GraphEditor.forModel(model);
  const isWanted = [...analyzeShapes(editors)].some(([editor, facts]) =>
    editor.graph.nodes.some((node) => isOp(node, "Sqrt") && normalizationAt(node, editor, facts, LAYER_NORM_OPSET) !== undefined));
  return isWanted && upgradeOpset(model, LAYER_NORM_OPSET).upgraded;
}

function fuse(node: Node, rewrite: Rewrite, facts: GraphFacts, opset: number): boolean {
  const { editor } = rewrite;
  const found = normalizationAt(node, editor, facts, opset);
  if (!found) return false;
  const scale = vectorBehind(found.last, "Mul", found.size, editor);
  const bias = found.kind === "LayerNormalization" && scale ? vectorBehind(scale.node, "Add", found.size, editor) : undefined;
  const gamma = scale?.name ?? rewrite.addConstant(floatTensor("ones", [found.size], new Float32Array(found.size).fill(1)));
  const attributes = [attribute.int("axis", -1), attribute.float("epsilon", found.epsilon), attribute.int("stash_type", 1)];
  rewrite.replace((bias ?? scale)?.node ?? found.last, makeNode(found.kind, [found.x, gamma, ...(bias ? [bias.name] : [])], [""], attributes));
  return true;
}

/** The normalization whose √(mean(…²) + ε) `node` computes. */
function normalizationAt(node: Node, editor: GraphEditor, facts: GraphFacts, opset: number): Normalization | undefined {
  const sum = soleProducer(node.inputs[0], editor);
  const shifted = shiftedInput(sum, editor);
  const mean = soleProducer(shifted?.input, editor);
  const rank = facts.shape(mean?.inputs[0] ?? "")?.length;
  const squared = isMeanOfLastAxis(mean, rank, editor) ? squaredInput(soleProducer(mean.inputs[0], editor), editor) : undefined;
  const last = squared === undefined || shifted === undefined ? undefined : quotientOf(node, squared, editor);
  if (!last || squared === undefined || shifted === undefined || shifted.shift < 0) return undefined;
  const centred = uncentred(squared, editor, facts);
  const x = centred ?? squared;
  const [size, type] = [facts.shape(x)?.at(-1), facts.type(x)?.elementType];
  if (typeof size !== "number" || size < 1 || type !== DataType.FLOAT) return undefined;
  if (centred === undefined && opset < RMS_NORM_OPSET) return undefined;
  return { kind: centred === undefined ? "RMSNormalization" : "LayerNormalization", x, epsilon: shifted.shift, last, size };
}

/** The node that divides `value` by the root, by Div or by Mul with the Reciprocal, or with 1 / root. */
function quotientOf(root: Node, value: string, editor: GraphEditor): Node | undefined {
  const name = root.outputs[0] ?? "";
  const next = editor.soleConsumer(name);
  if (!next) return undefined;
  if (isOp(next, "Div") && next.inputs[1] === name && next.inputs[0] === value) return next;
  const isInverse = isOp(next, "Reciprocal") || (isOp(next, "Div") && next.inputs[1] === name && scalarOf(next.inputs[0], editor) === 1);
  const product = isInverse ? editor.soleConsumer(next.outputs[0] ?? "") : undefined;
  return isOp(product, "Mul") && otherInput(product, next.outputs[0] ?? "") === value ? product : undefined;
}

/** x, when the value is x - mean(x) that only this normalization uses. */
function uncentred(name: string, editor: GraphEditor, facts: GraphFacts): string | undefined {
  const sub = editor.isOutput(name) || editor.consumers(name).length > 2 ? undefined : editor.producer(name);
  if (!isOp(sub, "Sub")) return undefined;
  const [x = "", average = ""] = sub.inputs;
  const mean = editor.producer(average);
  return isMeanOfLastAxis(mean, facts.shape(x)?.length, editor) && mean.inputs[0] === x ? x : undefined;
}

/** The node right behind that joins its output with a constant vector of the axis' size. */
function vectorBehind(node: Node, opType: string, size: number, editor: GraphEditor): { readonly node: Node; readonly name: string } | undefined {
  const output = node.outputs[0] ?? "";
  const next = editor.soleConsumer(output);
  if (!isOp(next, opType)) return undefined;
  const name = otherInput(next, output);
  const tensor = editor.constant(name);
  return tensor?.dataType === DataType.FLOAT && tensor.dims.length === 1 && elementCount(tensor) === size ? { node: next, name } : undefined;
}
