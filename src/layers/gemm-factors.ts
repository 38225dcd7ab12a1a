/** The factors of a Gemm on its product and its bias: Y = alpha · A · B + beta · C. */
import { floatAttribute, intAttribute, isOp, type Node } from "../ir/index.js";

/** Factors within these powers of two keep weight scales in float32's range. */
const MOST = 2 ** 40;

export interface GemmFactors {
  readonly alpha: number;
  readonly beta: number;
}

/** Both 1 for other operators; beta is 1 without a bias. */
export function gemmFactors(node: Node): GemmFactors {
  if (!isOp(node, "Gemm")) return { alpha: 1, beta: 1 };
  return {
    alpha: floatAttribute(node, "alpha", 1),
    beta: node.inputs[2] ? floatAttribute(node, "beta", 1) : 1,
  };
}

/** The reason if scales and biases cannot absorb the factors. */
export function whyFactorsStay(node: Node): string | undefined {
  const { alpha, beta } = gemmFactors(node);
  const fits = Math.abs(alpha) <= MOST && Math.abs(alpha) >= 1 / MOST && Math.abs(beta) <= MOST;
  return fits
    ? undefined
    : `its factors, alpha ${alpha} and beta ${beta}, are too large or too small for scales to absorb`;
}

/** Whether a Gemm is a plain matrix product plus bias: no scaling, input not transposed. */
export function isPlainGemm(node: Node): boolean {
  const { alpha, beta } = gemmFactors(node);
  return intAttribute(node, "transA", 0) === 0 && alpha === 1 && beta === 1;
}
