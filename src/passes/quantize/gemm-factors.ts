/** Y = alpha · A · B + beta · C: what a Gemm multiplies its product and its bias by. */
import { floatAttribute, intAttribute, isOp, type Node } from "../../ir/index.js";

/** Factors within these powers of two leave scales of weights in float32's range. */
const MOST = 2 ** 40;

export interface GemmFactors {
  readonly alpha: number;
  readonly beta: number;
}

/** 1 and 1 for other operators; a beta without a bias to multiply is 1. */
export function gemmFactors(node: Node): GemmFactors {
  if (!isOp(node, "Gemm")) return { alpha: 1, beta: 1 };
  return { alpha: floatAttribute(node, "alpha", 1), beta: node.inputs[2] ? floatAttribute(node, "beta", 1) : 1 };
}

/** Why scales and biases cannot take the factors. */
export function whyFactorsStay(node: Node): string | undefined {
  const { alpha, beta } = gemmFactors(node);
  const fits = Math.abs(alpha) <= MOST && Math.abs(alpha) >= 1 / MOST && Math.abs(beta) <= MOST;
  return fits ? undefined : `its factors, alpha ${alpha} and beta ${beta}, are beyond what scales can take`;
}

/** Gemm that is a matrix product plus bias: no scaling, input not transposed. */
export function isPlainGemm(node: Node): boolean {
  const { alpha, beta } = gemmFactors(node);
  return intAttribute(node, "transA", 0) === 0 && alpha === 1 && beta === 1;
}
