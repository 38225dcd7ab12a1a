/**
 * Fuses a MatMul of matrices and the following Add into one Gemm, as onnxruntime does at level basic.
 *
 * Before: x[M,K] → MatMul(w) → Add(b). After: x → Gemm(w, b). The same products; the sum starts from the bias,
 * so outputs differ by rounding.
 *
 * Handles float32 operands that are known to have rank 2 and an addend that broadcasts to the product in one
 * direction: [], [1], [N] or [1,N] with known N. Products of higher rank stay, because the two Reshapes around
 * a Gemm cost more than the Add.
 */
import { DataType, type Dimension, makeNode, opsetVersion, type TensorType } from "../../../ir/index.js";
import {
  type Match,
  type Misfit,
  misfit,
  nearMisfit,
  node,
  rule,
  type Scope,
  value,
} from "../../../patterns/index.js";
import { definePass } from "../../define-pass.js";
import { exactResult } from "../result.js";
import { fuseAll, type Fusion, fusionResult } from "./fusion.js";

/** First operator set in which Gemm always broadcasts its addend. */
const OLDEST_OPSET = 7;

const [a, b, addend] = [value("a"), value("b"), value("addend")];
const matMul = node("MatMul", [a, b]);
const sum = node("Add", [matMul, addend]);

const GEMM: Fusion = {
  rule: rule({ pattern: sum, anchor: matMul, check }),
  write: (match, { rewrite }) => {
    const { found, last } = match;
    const product = found.of(matMul);
    const inputs = [a, b, addend].map((operand) => found.of(operand));
    // In the place of the Add, because the addend may be computed after the product.
    rewrite.fuse(match, makeNode("Gemm", inputs, [""], [], product.name ?? last.name));
    rewrite.retire(product);
    return undefined;
  },
};

export const fuseMatMulAdd = definePass<Record<string, never>>({
  name: "fuse-matmul-add",
  description: "Fuse a MatMul of matrices and its Add into a Gemm",
  lossy: false,
  defaults: {},
  run(model) {
    if (opsetVersion(model) < OLDEST_OPSET) return exactResult({ nodesFused: 0 });
    return fusionResult("nodesFused", fuseAll(model, [GEMM]));
  },
});

function check({ found }: Match, { facts }: Scope): Misfit | undefined {
  for (const factor of [a, b].map((operand) => found.of(operand))) {
    const type = facts.type(factor);
    if (isMatrix(type)) continue;
    const rank = type?.shape?.length;
    return rank === undefined
      ? nearMisfit(`"${factor}" is not known to be a float32 matrix`)
      : misfit(`"${factor}" has ${rank} axes where 2 are expected`);
  }
  return broadcastsTo(facts.type(found.of(addend)), facts.shape(found.of(b))?.[1])
    ? undefined
    : nearMisfit(`"${found.of(addend)}" is not known to broadcast to the product's columns`);
}

function isMatrix(type: TensorType | undefined): boolean {
  return type?.elementType === DataType.FLOAT && type.shape?.length === 2;
}

function broadcastsTo(type: TensorType | undefined, columns: Dimension): boolean {
  if (
    type?.elementType !== DataType.FLOAT ||
    !type.shape ||
    type.shape.length > 2 ||
    typeof columns !== "number"
  )
    return false;
  const [last = 1, first = 1] = [...type.shape].reverse();
  return first === 1 && (last === 1 || last === columns);
}
