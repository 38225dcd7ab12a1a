/**
 * quantize-int8: computes in int8 where onnxruntime has a kernel for it.
 *
 *   Conv(x, W, b)   →   Q ─▶ DQ ─▶ Conv(·, DQ(W int8), DQ(b int32)) ─▶ Q ─▶ DQ      (runs as one QLinearConv)
 *   MatMul(x, W)    →   DynamicQuantizeLinear ─▶ MatMulInteger ─▶ Cast ─▶ Mul        (one DynamicQuantizeMatMul)
 *   LSTM            →   DynamicQuantizeLSTM
 *
 * With calibration data, convolutions and what joins them (islands.ts) are quantized statically: uint8 activations,
 * int8 weights per output channel, int32 biases. Fully connected layers that no codes reach, and LSTMs, are quantized
 * dynamically, with or without data; convolutions never are, as that is slower than float on every CPU measured.
 * Weights are kept free of int16 saturation by default, so that the file gives the same answers on CPUs without VNNI.
 *
 * Handles the main graph. Nodes in bodies of If, Loop and Scan, GRU and RNN, ConvTranspose, and layers whose weights
 * are computed stay float, each with its reason. Needs operator set 13 for convolutions, 11 for the rest.
 * Source of the method: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-
 * only inference" (CVPR 2018); the fused forms are onnxruntime's.
 */
import type { Diagnostic } from "../../diagnostics.js";
import { EdgecError, suggestion } from "../../errors.js";
import { GraphEditor, isOp, type Model, type Node, nodeLabel, opsetVersion, setOpsetVersion } from "../../ir/index.js";
import { type Calibrator, CALIBRATORS, DEFAULT_PERCENTILE } from "../../numeric/calibrators.js";
import type { StatisticRequest, Statistics } from "../../numeric/statistics.js";
import { DYNAMIC_OPSET, PER_CHANNEL_OPSET } from "../../ops/int8-kernels.js";
import type { NodeStatus, PassContext, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { quantizeLstm, whyNotDynamicLstm } from "./dynamic-lstm.js";
import { quantizeDynamically } from "./dynamic-matmul.js";
import { findIslands, type Islands } from "./islands.js";
import { activationParameters, histogramRequests, insertStaticQdq } from "./static-qdq.js";

export interface QuantizeInt8Options {
  /** How the range of an activation is taken from its histogram. */
  readonly calibrator: Calibrator;
  /** Share of values in percent that the percentile calibrator keeps. */
  readonly percentile: number;
  /** Whether weights are kept free of int16 saturation on x86-64 without VNNI. */
  readonly saturation: "guard" | "ignore";
  /** Names of nodes that stay float. */
  readonly exclude: readonly string[];
}

export const quantizeInt8 = definePass<QuantizeInt8Options>({
  name: "quantize-int8",
  description: "Compute in int8: statically where calibration data is given, dynamically for fully connected layers and LSTM",
  flag: { syntax: "--int8", help: "quantize to int8, where onnxruntime has int8 kernels", parse: () => ({}) },
  lossy: true,
  defaults: { calibrator: "mse", percentile: DEFAULT_PERCENTILE, saturation: "guard", exclude: [] },
  validate,
  statistics: (model, options) => requests(model, options),
  run: quantizeModel,
});

function validate({ calibrator, percentile }: QuantizeInt8Options): void {
  if (!CALIBRATORS.includes(calibrator)) {
    throw new EdgecError("BAD_OPTION", `there is no calibrator "${calibrator}".${suggestion(calibrator, CALIBRATORS)} Use one of ${CALIBRATORS.join(", ")}.`);
  }
  if (!(percentile > 50 && percentile <= 100)) throw new EdgecError("BAD_OPTION", `percentile must be above 50 and at most 100, not ${percentile}.`);
}

function requests(model: Model, options: QuantizeInt8Options): StatisticRequest[] {
  if (opsetVersion(model) < PER_CHANNEL_OPSET) return [];
  return histogramRequests(islandsOf(GraphEditor.forMainGraph(model), options, true));
}

function islandsOf(editor: GraphEditor, { exclude }: QuantizeInt8Options, calibrated: boolean): Islands {
  const excluded = new Set(exclude);
  return findIslands(editor, { calibrated, excluded: (node) => excluded.has(nodeLabel(node)) });
}

function quantizeModel(model: Model, options: QuantizeInt8Options, context: PassContext): PassResult {
  const editor = GraphEditor.forMainGraph(model);
  const diagnostics: Diagnostic[] = [];
  const opset = opsetVersion(model);
  if (opset < DYNAMIC_OPSET) return refuseOldOpset(opset);
  const statistics = opset >= PER_CHANNEL_OPSET ? context.statistics : undefined;
  const calibrated = statistics !== undefined;
  const islands = islandsOf(editor, options, calibrated);
  const nodes: NodeStatus[] = [...islands.kept].map(([node, reason]) => status(node, "kept", reason));
  const staticCount = statistics ? quantizeStatically(editor, islands, statistics, options, nodes) : 0;
  const weightOptions = { guardPairs: options.saturation === "guard" };
  for (const node of islands.dynamic) {
    nodes.push(status(node, "changed", "dynamic int8: the input's range is taken at run time"));
    quantizeDynamically(editor, node, weightOptions);
  }
  const recurrent = quantizeRecurrent(model, editor, options, nodes);
  if (!calibrated && nodes.some((n) => n.opType === "Conv")) diagnostics.push(needsData(opset));
  return {
    modified: staticCount + islands.dynamic.length + recurrent > 0,
    stats: { staticNodes: staticCount, dynamicNodes: islands.dynamic.length + recurrent, quantizedTensors: staticCount > 0 ? islands.tensors.size : 0 },
    nodes,
    diagnostics,
  };
}

function quantizeStatically(editor: GraphEditor, islands: Islands, statistics: Statistics, options: QuantizeInt8Options, nodes: NodeStatus[]): number {
  if (islands.computes.length === 0) return 0;
  const parameters = activationParameters(editor, islands, statistics, options.calibrator, options.percentile);
  const unseen = [...islands.tensors].find((tensor) => !parameters.has(tensor));
  if (unseen !== undefined) {
    for (const node of islands.computes) nodes.push(status(node, "kept", `calibration never reached the tensor "${unseen}"`));
    return 0;
  }
  for (const node of islands.computes) nodes.push(status(node, "changed", `static int8, ${options.calibrator} calibration`));
  insertStaticQdq(editor, islands, parameters, { guardPairs: options.saturation === "guard" });
  return islands.computes.length;
}

function quantizeRecurrent(model: Model, editor: GraphEditor, options: QuantizeInt8Options, nodes: NodeStatus[]): number {
  const excluded = new Set(options.exclude);
  let count = 0;
  for (const node of [...editor.graph.nodes]) {
    if (isOp(node, "GRU", "RNN")) nodes.push(status(node, "kept", "has no int8 kernel"));
    if (!isOp(node, "LSTM")) continue;
    const reason = excluded.has(nodeLabel(node)) ? "excluded" : whyNotDynamicLstm(editor, node);
    nodes.push(status(node, reason ? "kept" : "changed", reason ?? "dynamic int8: the input's range is taken at run time"));
    if (reason) continue;
    quantizeLstm(editor, node, { guardPairs: options.saturation === "guard" });
    count++;
  }
  if (count > 0) setOpsetVersion(model, 1, "com.microsoft");
  return count;
}

function status(node: Node, result: NodeStatus["status"], reason: string): NodeStatus {
  return { name: nodeLabel(node), opType: node.opType, status: result, reason };
}

function needsData(opset: number): Diagnostic {
  const message = opset < PER_CHANNEL_OPSET
    ? `The model uses operator set ${opset}; int8 convolutions need ${PER_CHANNEL_OPSET}, and it could not be raised.`
    : "Without calibration data convolutions stay float. Give some 100 typical inputs with --calib to compute them in int8, up to 3 times faster.";
  return { id: "quantize-int8/needs-data", severity: "warning", message };
}

function refuseOldOpset(opset: number): PassResult {
  const message = `The model uses operator set ${opset}; int8 kernels need ${DYNAMIC_OPSET}. Raise its operator set first.`;
  return { modified: false, stats: {}, nodes: [], diagnostics: [{ id: "quantize-int8/old-opset", severity: "warning", message }] };
}
