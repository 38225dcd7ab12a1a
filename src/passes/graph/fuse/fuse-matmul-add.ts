/**
 * Turns a MatMul of matrices and the Add behind it into one Gemm, as onnxruntime does at level basic.
 *
 * Before: x[M,K] → MatMul(w) → Add(b). After: x → Gemm(w, b). The same products; the sum starts from the bias, so
 * outputs differ by rounding.
 *
 * Takes float32 operands that are known to be of rank 2 and an addend that broadcasts to the product in one direction:
 * [], [1], [N], [1,N] of known N. Products of higher rank stay: the two Reshapes around a Gemm cost more than the Add.
 */
import { DataType, type Dimension, isOp, makeNode, type Node, nodeLabel, opsetVersion, type TensorType } from "../../../ir/index.js";
import type { GraphFacts } from "../../../ops/shape-analysis.js";
import { definePass } from "../../define-pass.js";
import { exactResult } from "../result.js";
import { rewriteGraphs, type Rewrite } from "./rewrite.js";

/** Oldest operator set in which Gemm broadcasts its addend unasked. */
const OLDEST_OPSET = 7;

export const fuseMatMulAdd = definePass<Record<string, never>>({
  name: "fuse-matmul-add",
  description: "turns a MatMul of matrices and its Add into a Gemm",
  lossy: false,
  defaults: {},
  run(model) {
    if (opsetVersion(model) < OLDEST_OPSET) return exactResult({ nodesFused: 0 });
    return exactResult({ nodesFused: rewriteGraphs(model, (rewrite, facts) => (node) => isOp(node, "MatMul") && fuse(node, rewrite, facts)) });
  },
});

function fuse(node: Node, rewrite: Rewrite, facts: GraphFacts): boolean {
  const [a = "", b = ""] = node.inputs;
  const product = node.outputs[0] ?? "";
  const add = rewrite.editor.soleConsumer(product);
  if (!isOp(add, "Add") || !isMatrix(facts.type(a)) || !isMatrix(facts.type(b))) return false;
  const addend = add.inputs[add.inputs[0] === product ? 1 : 0] ?? "";
  if (!broadcastsTo(facts.type(addend), facts.shape(b)?.[1])) return false;
  // Where the Add stood: the addend may be computed after the product.
  const gemm = makeNode("Gemm", [a, b, addend], [""], [], node.name ?? add.name);
  rewrite.replace(add, gemm);
  rewrite.editor.recordDescent(nodeLabel(node), nodeLabel(gemm));
  rewrite.retire(node);
  return true;
}

function isMatrix(type: TensorType | undefined): boolean {
  return type?.elementType === DataType.FLOAT && type.shape?.length === 2;
}

function broadcastsTo(type: TensorType | undefined, columns: Dimension): boolean {
  if (type?.elementType !== DataType.FLOAT || !type.shape || type.shape.length > 2 || typeof columns !== "number") return false;
  const [last = 1, first = 1] = [...type.shape].reverse();
  return first === 1 && (last === 1 || last === columns);
}
