/** The factors of a Gemm on its product and its bias: Y = alpha · A · B + beta · C. */
import {
  elementCount,
  floatAttribute,
  floatTensor,
  type GraphEditor,
  intAttribute,
  isOp,
  makeNode,
  type Node,
  type Tensor,
  toFloat32,
} from "../ir/index.js";
import { biasName, isFloatBias, layerBias } from "./bias.js";

/** Factors within these powers of two keep weight scales in float32's range. */
const MOST = 2 ** 40;

interface GemmFactors {
  readonly alpha: number;
  readonly beta: number;
}

/** Both 1 for other operators; beta is 1 without a bias. */
export function gemmFactors(node: Node): GemmFactors {
  if (!isOp(node, "Gemm")) return { alpha: 1, beta: 1 };
  return {
    alpha: floatAttribute(node, "alpha", 1),
    beta: biasName(node) ? floatAttribute(node, "beta", 1) : 1,
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

/**
 * The value that a Gemm adds, its bias times beta, with the nodes that compute it where it is no constant;
 * undefined if it adds nothing.
 * @param stem of new names
 */
export function scaledBias(
  editor: GraphEditor,
  node: Node,
  stem: string,
): { name: string; nodes: Node[] } | undefined {
  const bias = isOp(node, "Gemm") ? biasName(node) : "";
  const { beta } = gemmFactors(node);
  if (bias === "" || beta === 0) return undefined;
  if (beta === 1) return { name: bias, nodes: [] };
  const stored = layerBias(editor, node);
  if (stored && isFloatBias(stored)) {
    const own = scaled(stored.tensor, beta, editor.uniqueName(`${stem}b`));
    return { name: editor.addInitializer(own), nodes: [] };
  }
  const [factor, product] = [
    editor.addInitializer(floatTensor(editor.uniqueName(`${stem}g`), [], Float32Array.of(beta))),
    editor.uniqueName(`${stem}b`),
  ];
  return { name: product, nodes: [makeNode("Mul", [bias, factor], [product])] };
}

function scaled(tensor: Tensor, factor: number, name: string): Tensor {
  return floatTensor(
    name,
    tensor.dims,
    elementCount(tensor) === 0 ? new Float32Array() : toFloat32(tensor).map((value) => value * factor),
  );
}
