/**
 * Rewrites a model so that any onnxruntime computes what a processor without VNNI would: x86-64's VPMADDUBSW multiplies
 * uint8 codes of activations by int8 codes of weights and adds neighbouring products in 16 bits, which saturate.
 *
 *   Conv(DQ(x), DQ(W))   →   Conv(DQ(x), W float) + unit · Σ over pairs at risk of clip₁₆(w₀·x₀ + w₁·x₁) − (w₀·x₀ + w₁·x₁)
 *
 * x are the raw codes (the kernels subtract zero points from the sums) and padding holds the zero point's code. Kernels
 * pair weights in the order of `RowOrder`. A layer none of whose pairs can saturate stays as it is; one with such pairs
 * leaves int8, so that nothing saturates a second time where the result is run.
 *
 * Handles Conv, MatMul and Gemm between Q/DQ pairs and MatMulInteger, with constant int8 weights. Depthwise kernels add
 * in 32 bits. Tells, and leaves as they are: operators of com.microsoft on codes, QLinearConv, QLinearMatMul and
 * ConvInteger. Weights that are computed must be folded before.
 * The order of pairs and which kernels saturate were checked against onnxruntime 1.32 under QEMU's Haswell.
 */
import { type GraphEditor, GraphEditor as Editors, isOp, type Model, type Node, nodeLabel, opsetVersion } from "../../ir/index.js";
import type { NodeStatus, PassResult } from "../contract.js";
import { emulateConvolution } from "./emulate-convolution.js";
import { emulateDense, emulateMatMulInteger } from "./emulate-dense.js";
import { uncoveredRisk } from "./uncovered.js";

/** What was found for one layer on codes: pairs at risk, all pairs, and why it could not be rewritten, if so. */
export interface LayerRisk {
  readonly pairs: number;
  readonly atRisk: number;
  readonly uncovered?: string;
}

/** Rewrites the model in place. `stats`: layers and pairs looked at and at risk; a status for every layer on codes. */
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

/** Undefined for nodes that do not multiply codes by constant int8 weights. */
function emulateNode(editor: GraphEditor, node: Node, opset: number): LayerRisk | undefined {
  if (isOp(node, "Conv")) return emulateConvolution(editor, node, opset);
  if (isOp(node, "MatMul", "Gemm")) return emulateDense(editor, node, opset);
  if (isOp(node, "MatMulInteger")) return emulateMatMulInteger(editor, node, opset) ?? uncoveredRisk(editor, node);
  return uncoveredRisk(editor, node);
}

function statusOf({ pairs, atRisk, uncovered }: LayerRisk): Pick<NodeStatus, "status" | "reason"> {
  if (atRisk === 0) return { status: "kept", reason: "no pair of its weights can saturate" };
  const share = `${atRisk} of ${pairs} pairs of weights can saturate`;
  return uncovered === undefined ? { status: "changed", reason: share } : { status: "kept", reason: `${share}, which is not emulated: ${uncovered}` };
}
