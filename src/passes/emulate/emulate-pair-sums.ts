/**
 * Rewrites a model so that any onnxruntime computes the same results as a processor without VNNI. There,
 * VPMADDUBSW of x86-64 multiplies uint8 activation codes by int8 weight codes and adds adjacent products in 16
 * bits, which can saturate.
 *
 *   Conv(DQ(x), DQ(W))   →   Conv(DQ(x), W float) + unit · Σ over pairs at risk of clip₁₆(w₀·x₀ + w₁·x₁) −
 *   (w₀·x₀ + w₁·x₁)
 *
 * x are the raw codes (the kernels subtract zero points from the sums) and padding holds the zero point's code.
 * Kernels pair weights in the order of `RowOrder`. A layer without pairs that can saturate stays unchanged. One
 * with such pairs is moved to float, so that nothing saturates a second time when the rewritten model runs.
 *
 * Handles Conv, MatMul and Gemm between Q/DQ pairs and MatMulInteger, with constant int8 weights. Depthwise
 * kernels add in 32 bits. Reports but does not rewrite: quantized operators of com.microsoft, QLinearConv,
 * QLinearMatMul and ConvInteger. Computed weights must be folded before. The order of pairs and the kernels
 * that saturate were checked against onnxruntime 1.32 under QEMU's Haswell.
 */
import {
  type GraphEditor,
  GraphEditor as Editors,
  isOp,
  type Model,
  type Node,
  nodeLabel,
  opsetVersion,
} from "../../ir/index.js";
import type { NodeStatus, PassResult } from "../contract.js";
import { unpackWeights } from "../encode/unpack-weights.js";
import { foldConstants } from "../graph/fold-constants.js";
import { inlineFunctions } from "../graph/inline-functions.js";
import { liftConstants } from "../graph/lift-constants.js";
import { emulateConvolution } from "./emulate-convolution.js";
import { emulateDense, emulateMatMulInteger } from "./emulate-dense.js";
import type { LayerRisk } from "./layer-risk.js";
import { uncoveredRisk } from "./uncovered.js";

/** Passes that run before: what onnxruntime does with the weights of a model as it loads it. */
export const LOADING_PASSES = [liftConstants, unpackWeights, inlineFunctions, foldConstants];

/**
 * Rewrites the model in place. `stats` counts layers and pairs, in total and at risk; every quantized layer
 * gets a status.
 */
export function emulatePairSums(model: Model): PassResult {
  const opset = opsetVersion(model);
  const nodes: NodeStatus[] = [];
  const stats = { layers: 0, pairs: 0, pairsAtRisk: 0, layersAtRisk: 0, layersNotCovered: 0 };
  for (const editor of Editors.forModel(model)) {
    for (const node of [...editor.graph.nodes]) {
      const name = nodeLabel(node);
      const risk = emulateNode(editor, node, opset);
      if (!risk) continue;
      nodes.push({ name, opType: node.opType, ...statusOf(risk) });
      stats.layers++;
      stats.pairs += risk.pairs;
      stats.pairsAtRisk += risk.atRisk;
      if (risk.atRisk > 0 && risk.uncovered === undefined) stats.layersAtRisk++;
      if (risk.atRisk > 0 && risk.uncovered !== undefined) stats.layersNotCovered++;
    }
  }
  return { modified: stats.layersAtRisk > 0, stats, nodes, diagnostics: [] };
}

/** Undefined for nodes that are not quantized layers with constant int8 weights. */
function emulateNode(editor: GraphEditor, node: Node, opset: number): LayerRisk | undefined {
  if (isOp(node, "Conv")) return emulateConvolution(editor, node, opset);
  if (isOp(node, "MatMul", "Gemm")) return emulateDense(editor, node, opset);
  if (isOp(node, "MatMulInteger"))
    return emulateMatMulInteger(editor, node, opset) ?? uncoveredRisk(editor, node);
  return uncoveredRisk(editor, node);
}

function statusOf({ pairs, atRisk, uncovered }: LayerRisk): Pick<NodeStatus, "status" | "reason"> {
  if (atRisk === 0) return { status: "kept", reason: "no pair of its weights can saturate" };
  const share = `${atRisk} of ${pairs} pairs of weights can saturate`;
  return uncovered === undefined
    ? { status: "changed", reason: share }
    : { status: "kept", reason: `${share}, which is not emulated: ${uncovered}` };
}
