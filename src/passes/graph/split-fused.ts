/**
 * split-fused: replaces operators that onnxruntime's optimizer has fused by the original standard operators.
 *
 *   FusedConv(x, W, b, z) with Relu      →   Conv(x, W, b) → Add(z) → Relu
 *   FusedGemm(a, B, c) with LeakyRelu    →   Gemm(a, B, c) → LeakyRelu
 *   FusedMatMul(a, B), transB, alpha     →   MatMul(a, Transpose(B)) → Mul(alpha)
 *
 * Files saved after optimization contain them, but folding and quantization do not handle them; onnxruntime
 * fuses whatever stays in float again at load. A factor is multiplied into a constant that nothing else uses, and
 * the result is exact except for that rounding. Left alone: unknown activations, batch axes in other positions,
 * and products of unknown rank.
 */
import {
  attribute,
  type Attribute,
  DataType,
  floatAttribute,
  floatTensor,
  getAttribute,
  intAttribute,
  makeNode,
  type Node,
  stringAttribute,
  toFloat32,
} from "../../ir/index.js";
import type { GraphFacts } from "../../ops/shape-analysis.js";
import { definePass } from "../define-pass.js";
import { rewriteGraphs, type Rewrite } from "./fuse/rewrite.js";
import { exactResult } from "./result.js";

/** Activations with the attributes that their parameters correspond to, in order. */
const ACTIVATIONS: Readonly<Record<string, readonly string[]>> = {
  Relu: [],
  Sigmoid: [],
  Tanh: [],
  Softplus: [],
  Softsign: [],
  LeakyRelu: ["alpha"],
  Elu: ["alpha"],
  ThresholdedRelu: ["alpha"],
  HardSigmoid: ["alpha", "beta"],
  Selu: ["alpha", "gamma"],
  Clip: ["min", "max"],
};
const FUSED_ATTRIBUTES: readonly string[] = [
  "activation",
  "activation_params",
  "activation_alpha",
  "activation_beta",
  "activation_gamma",
];

export const splitFused = definePass<Record<string, never>>({
  name: "split-fused",
  description: "Replace operators fused by onnxruntime's optimizer by standard ones",
  lossy: false,
  defaults: {},
  run(model) {
    return exactResult({
      nodesSplit: rewriteGraphs(model, (rewrite, facts) => (node) => split(node, rewrite, facts)),
    });
  },
});

function split(node: Node, rewrite: Rewrite, facts: GraphFacts): boolean {
  if (node.domain !== "com.microsoft") return false;
  switch (node.opType) {
    case "FusedConv":
      return splitActivated(node, "Conv", rewrite, facts);
    case "FusedGemm":
      return splitActivated(node, "Gemm", rewrite, facts);
    case "FusedMatMul":
    case "TransposeMatMul":
      return splitProduct(node, rewrite, facts);
    default:
      return false;
  }
}

function splitActivated(node: Node, opType: "Conv" | "Gemm", rewrite: Rewrite, facts: GraphFacts): boolean {
  const name = stringAttribute(node, "activation", "");
  const [sum = ""] = node.inputs.slice(3);
  if (
    name !== "" &&
    (!Object.hasOwn(ACTIVATIONS, name) ||
      (name === "Clip" && facts.type(node.inputs[0] ?? "")?.elementType !== DataType.FLOAT))
  )
    return false;
  const own = node.attributes.filter((each) => !FUSED_ATTRIBUTES.includes(each.name));
  const made: [Node, ...Node[]] = [makeNode(opType, trimmed(node.inputs.slice(0, 3)), [""], own, node.name)];
  const chain = (next: (input: string) => Node): void => {
    const last = made.at(-1)!;
    last.outputs[0] = rewrite.editor.uniqueName(`${node.outputs[0] ?? ""}_${last.opType.toLowerCase()}`);
    made.push(next(last.outputs[0]));
  };
  if (sum !== "") chain((input) => makeNode("Add", [input, sum], [""]));
  if (name !== "") chain((input) => activation(name, input, parameters(node, name), rewrite));
  rewrite.replace(node, ...made);
  return true;
}

function trimmed(inputs: readonly string[]): readonly string[] {
  return inputs.at(-1) === "" ? trimmed(inputs.slice(0, -1)) : inputs;
}

/** Values by the name of the activation's attribute. A FusedConv has them in a list, a FusedGemm separately. */
function parameters(node: Node, name: string): Map<string, number> {
  const list = getAttribute(node, "activation_params")?.floats ?? [];
  return new Map(
    (ACTIVATIONS[name] ?? []).flatMap((each, k) => {
      const value = list[k] ?? getAttribute(node, `activation_${each}`)?.f;
      return value === undefined ? [] : [[each, value] as const];
    }),
  );
}

function activation(
  name: string,
  input: string,
  values: ReadonlyMap<string, number>,
  rewrite: Rewrite,
): Node {
  if (name !== "Clip")
    return makeNode(
      name,
      [input],
      [""],
      [...values].map(([each, value]): Attribute => attribute.float(each, value)),
    );
  const bounds = ["min", "max"].map((each) =>
    values.has(each)
      ? rewrite.addConstant(floatTensor(`clip_${each}`, [], Float32Array.of(values.get(each)!)))
      : "",
  );
  return makeNode("Clip", trimmed([input, ...bounds]), [""]);
}

function splitProduct(node: Node, rewrite: Rewrite, facts: GraphFacts): boolean {
  if (intAttribute(node, "transBatchA", 0) !== 0 || intAttribute(node, "transBatchB", 0) !== 0) return false;
  const alpha = floatAttribute(node, "alpha", 1);
  // Keyed by operand, because both may be the same value: a Gram matrix transposes one of them.
  const transposes = new Map<number, Node>();
  for (const [index, flag] of ["transA", "transB"].entries()) {
    if (intAttribute(node, flag, 0) === 0) continue;
    const rank = facts.shape(node.inputs[index] ?? "")?.length;
    if (rank === undefined) return false;
    // Transposing does not change a vector.
    if (rank < 2) continue;
    const axes = Array.from({ length: rank }, (_, axis) => axis);
    const output = rewrite.editor.uniqueName(`${node.inputs[index] ?? ""}_transposed`);
    transposes.set(
      index,
      makeNode(
        "Transpose",
        [node.inputs[index] ?? ""],
        [output],
        [attribute.ints("perm", [...axes.slice(0, -2), rank - 1, rank - 2])],
      ),
    );
  }
  const takesFactor = alpha !== 1 ? scaledConstant(node, alpha, rewrite) : undefined;
  const inputs = node.inputs.slice(0, 2).map((name, index) => transposes.get(index)?.outputs[0] ?? name);
  if (takesFactor !== undefined) {
    const transpose = transposes.get(takesFactor.index);
    if (transpose) transpose.inputs[0] = takesFactor.name;
    else inputs[takesFactor.index] = takesFactor.name;
  }
  const product = makeNode("MatMul", inputs, [""], [], node.name);
  rewrite.editor.insertBefore(node, ...transposes.values());
  if (alpha === 1 || takesFactor) rewrite.replace(node, product);
  else {
    product.outputs[0] = rewrite.editor.uniqueName(`${node.outputs[0] ?? ""}_product`);
    const factor = rewrite.addConstant(floatTensor("alpha", [], Float32Array.of(alpha)));
    rewrite.replace(node, product, makeNode("Mul", [product.outputs[0], factor], [""]));
  }
  return true;
}

/** Multiplies the factor into a constant that only this product uses, exactly once. */
function scaledConstant(
  node: Node,
  alpha: number,
  rewrite: Rewrite,
): { index: number; name: string } | undefined {
  const { editor } = rewrite;
  for (const index of [1, 0]) {
    const name = node.inputs[index] ?? "";
    const tensor = editor.constant(name);
    if (
      tensor?.dataType !== DataType.FLOAT ||
      editor.soleConsumer(name) !== node ||
      !editor.graph.initializers.includes(tensor)
    )
      continue;
    const values = toFloat32(tensor).map((value) => value * alpha);
    if (!values.every(Number.isFinite)) continue;
    const made = rewrite.addConstant(floatTensor(name, tensor.dims, values));
    editor.recordProvenance(name, made);
    return { index, name: made };
  }
  return undefined;
}
