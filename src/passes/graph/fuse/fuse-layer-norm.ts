/**
 * Recognizes LayerNormalization (Ba et al. 2016) and RMSNormalization (Zhang, Sennrich 2019) along the last
 * axis.
 *
 *   d = x - mean(x);  d / √(mean(d²) + ε) · γ + β   →  LayerNormalization(x, γ, β)       from operator set 17
 *                     x / √(mean(x²) + ε) · γ       →  RMSNormalization(x, γ)            from operator set 23
 *
 * Handles float32 with a known size of the last axis; γ and β are vectors of that size and may be missing. A
 * model of an older operator set is upgraded to 17 if all of its nodes can be, and is otherwise left alone:
 * LayerNormalization before 17 and RMSNormalization before 23 exist only inside onnxruntime, which fuses to
 * them itself.
 *
 * Results differ by rounding. Kernels that compute the variance as mean(x²) - mean(x)² lose precision if the
 * mean is much larger than the deviation; onnxruntime's own fusion, which it applies at its default level, has
 * the same effect.
 */
import {
  attribute,
  DataType,
  elementCount,
  floatTensor,
  GraphEditor,
  isOp,
  makeNode,
  type Model,
  opsetVersion,
} from "../../../ir/index.js";
import { analyzeShapes, GraphFacts } from "../../../ops/shape-analysis.js";
import { upgradeOpset } from "../../../ops/upgrade/upgrade-opset.js";
import {
  exactly,
  fit,
  type Leaf,
  leaf,
  type Match,
  matchAt,
  misfit,
  type Misfit,
  nearMisfit,
  node,
  nodeThat,
  type NodePattern,
  number,
  oneOf,
  type Pattern,
  type Rule,
  rule,
  type Scope,
  value,
} from "../../../patterns/index.js";
import { definePass } from "../../define-pass.js";
import { exactResult } from "../result.js";
import { fuseAll, type Fusion, fusionResult, type Place } from "./fusion.js";
import { isMeanOfLastAxis } from "./graph-queries.js";

const LAYER_NORM_OPSET = 17;
const RMS_NORM_OPSET = 23;

const x = value("x");
const epsilon = number("ε");
const gamma = vectorOf("γ");
const beta = vectorOf("β");

/** x - mean(x), which is squared and divided; the mean may have other uses. */
const centred = node("Sub", [x, meanOfLastAxis(x, Infinity)], { uses: 2 });

const layerNorm = normalization(centred, (normal) => {
  const withScale = node("Mul", [normal, gamma]);
  return oneOf(node("Add", [withScale, beta]), withScale, normal);
});
const rmsNorm = normalization(x, (normal) => oneOf(node("Mul", [normal, gamma]), normal));

const NORMALIZATIONS: readonly Fusion[] = [
  { rule: layerNorm, write: (match, place) => write("LayerNormalization", match, place) },
  { rule: rmsNorm, write: (match, place) => write("RMSNormalization", match, place) },
];

export const fuseLayerNorm = definePass<Record<string, never>>({
  name: "fuse-layer-norm",
  description: "Fuse LayerNormalization and RMSNormalization composed of elementary operators",
  lossy: false,
  defaults: {},
  run(model) {
    if (!reachesOpset(model)) return exactResult({ normalizationsFused: 0 });
    return fusionResult("normalizationsFused", fuseAll(model, NORMALIZATIONS));
  },
});

/** value / √(mean(value²) + ε), by Div or by Mul with the reciprocal of the root, and optional scale and bias. */
function normalization(of: Pattern, withSteps: (normal: Pattern) => Pattern): Rule {
  const square = oneOf(node("Mul", [of, of]), node("Pow", [of, exactly(2, { isOfAnyType: true })]));
  const root = node("Sqrt", [node("Add", [meanOfLastAxis(square), epsilon])]);
  const inverse = oneOf(node("Reciprocal", [root]), node("Div", [exactly(1), root]));
  const normal = oneOf(node("Div", [of, root]), node("Mul", [of, inverse]));
  const check = (match: Match, scope: Scope): Misfit | undefined => refusal(match, scope, of === x);
  return rule({ pattern: withSteps(normal), anchor: root, check });
}

function meanOfLastAxis(of: Pattern, uses = 1): NodePattern {
  const read: NodePattern["read"] = (mean, _, { editor, facts }) =>
    isMeanOfLastAxis(mean, facts.shape(mean.inputs[0] ?? "")?.length, editor)
      ? fit(mean)
      : nearMisfit("the mean is not known to be over the last axis alone");
  return nodeThat("ReduceMean", [of], read, { uses });
}

/** A constant vector of the last axis' size. */
function vectorOf(name: string): Leaf<string> {
  return leaf(name, (read, found, { editor, facts }) => {
    const tensor = editor.constant(read);
    const size = facts.shape(found.of(x))?.at(-1);
    return tensor?.dataType === DataType.FLOAT && tensor.dims.length === 1 && elementCount(tensor) === size
      ? fit(read)
      : misfit(() => `"${read}" is not a constant vector of the last axis' size`);
  });
}

function refusal({ found }: Match, { facts, opset }: Scope, isRms: boolean): Misfit | undefined {
  const [input, shift] = [found.of(x), found.of(epsilon)];
  const [size, type] = [facts.shape(input)?.at(-1), facts.type(input)?.elementType];
  if (!(shift >= 0)) return nearMisfit(`ε is ${shift}`);
  if (typeof size !== "number" || size < 1) return nearMisfit(`the last size of "${input}" is not known`);
  if (type !== DataType.FLOAT) return nearMisfit(`"${input}" is not known to be float32`);
  return isRms && opset < RMS_NORM_OPSET
    ? nearMisfit(`operator set ${opset} has no RMSNormalization, which came with ${RMS_NORM_OPSET}`)
    : undefined;
}

function write(
  kind: "LayerNormalization" | "RMSNormalization",
  match: Match,
  { rewrite, scope }: Place,
): Misfit | undefined {
  const { found } = match;
  const input = found.of(x);
  const scale = found.maybe(gamma) ?? rewrite.addConstant(ones(Number(scope.facts.shape(input)?.at(-1))));
  const bias = found.maybe(beta);
  const attributes = [
    attribute.int("axis", -1),
    attribute.float("epsilon", found.of(epsilon)),
    attribute.int("stash_type", 1),
  ];
  const inputs = [input, scale, ...(bias === undefined ? [] : [bias])];
  return rewrite.fuse(match, makeNode(kind, inputs, [""], attributes));
}

function ones(size: number): ReturnType<typeof floatTensor> {
  return floatTensor("ones", [size], new Float32Array(size).fill(1));
}

/**
 * Whether the model has the operator set or can be upgraded to it. It is upgraded only if there is something to
 * fuse.
 */
function reachesOpset(model: Model): boolean {
  if (opsetVersion(model) >= LAYER_NORM_OPSET) return true;
  const editors = GraphEditor.forModel(model);
  const facts = analyzeShapes(editors);
  const isWanted = editors.some((editor) => {
    const known = facts.get(editor) ?? new GraphFacts(undefined);
    const scope: Scope = { editor, facts: known, opset: LAYER_NORM_OPSET, isFixed: () => false };
    return editor.graph.nodes.some((each) => isOp(each, "Sqrt") && matchAt(layerNorm, each, scope));
  });
  return isWanted && upgradeOpset(model, LAYER_NORM_OPSET).upgraded;
}
