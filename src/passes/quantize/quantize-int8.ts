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
 * Handles every scope dynamically and the main graph statically: calibration does not reach bodies of If, Loop and
 * Scan. GRU and RNN, ConvTranspose, and layers whose weights or biases are computed stay float, each with its reason.
 * An excluded Add or Concat whose neighbours carry codes on all sides may still be run on codes by onnxruntime: exclude
 * the neighbours as well. Needs operator set 13 for convolutions, 11 for the rest.
 * Source of the method: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-
 * only inference" (CVPR 2018); the fused forms are onnxruntime's.
 */
import type { Diagnostic } from "../../diagnostics.js";
import { EdgecError, suggestion } from "../../errors.js";
import { GraphEditor, isOp, type Model, type Node, nodeLabel, opsetVersion, setOpsetVersion } from "../../ir/index.js";
import { type Calibrator, CALIBRATORS, DEFAULT_PERCENTILE } from "../../numeric/calibrators.js";
import type { StatisticRequest, Statistics } from "../../numeric/statistics.js";
import { DYNAMIC_OPSET, PER_CHANNEL_OPSET } from "../../ops/int8-kernels.js";
import { selectNodes } from "../../ops/select.js";
import type { NodeStatus, PassContext, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { quantizeLstm, whyNotDynamicLstm } from "./dynamic-lstm.js";
import { quantizeDynamically } from "./dynamic-matmul.js";
import { findIslands, type Islands } from "./islands.js";
import { activationParameters, histogramRequests, insertStaticQdq } from "./static-qdq.js";
import { validateWeightBits, WEIGHT_BITS_DEFAULTS, type WeightBitsOptions, weightBitsOf } from "./weight-bits.js";
import type { WeightOptions } from "./weight-codes.js";

export interface QuantizeInt8Options extends WeightBitsOptions {
  /** How the range of an activation is taken from its histogram. */
  readonly calibrator: Calibrator;
  /** Share of values in percent that the percentile calibrator keeps. */
  readonly percentile: number;
  /** Whether weights are kept free of int16 saturation on x86-64 without VNNI. */
  readonly saturation: "guard" | "ignore";
  /** Nodes, constants, operator types or patterns that stay float; see selectNodes. */
  readonly exclude: readonly string[];
}

const NAME = "quantize-int8";

export const quantizeInt8 = definePass<QuantizeInt8Options>({
  name: NAME,
  description: "Compute in int8: statically where calibration data is given, dynamically for fully connected layers and LSTM",
  flag: { syntax: "--int8", help: "quantize to int8, where onnxruntime has int8 kernels", parse: () => ({}) },
  lossy: true,
  defaults: { calibrator: "mse", percentile: DEFAULT_PERCENTILE, saturation: "guard", exclude: [], ...WEIGHT_BITS_DEFAULTS },
  validate,
  statistics: (model, options) => requests(model, options),
  run: quantizeModel,
});

function validate(options: QuantizeInt8Options): void {
  const { calibrator, percentile } = options;
  if (!CALIBRATORS.includes(calibrator)) {
    throw new EdgecError("BAD_OPTION", `there is no calibrator "${calibrator}".${suggestion(calibrator, CALIBRATORS)} Use one of ${CALIBRATORS.join(", ")}.`);
  }
  if (!(percentile > 50 && percentile <= 100)) throw new EdgecError("BAD_OPTION", `percentile must be above 50 and at most 100, not ${percentile}.`);
  validateWeightBits(options);
}

/** Why ranges of activations are not known, by scope. */
const IN_BODY = "calibration does not reach the bodies of If, Loop and Scan";
const NO_DATA = "needs calibration data: dynamic quantization of convolutions is slower than float";

function requests(model: Model, options: QuantizeInt8Options): StatisticRequest[] {
  if (opsetVersion(model) < PER_CHANNEL_OPSET) return [];
  return histogramRequests(findIslands(GraphEditor.forMainGraph(model), { excluded: exclusionsOf(model, options) }));
}

type Exclusions = (node: Node) => string | undefined;

function exclusionsOf(model: Model, { exclude }: QuantizeInt8Options): Exclusions {
  const selection = selectNodes(model, exclude, NAME);
  return (node) => (selection.has(node) || node.inputs.some((name) => selection.has(node, name)) ? "excluded" : undefined);
}

function quantizeModel(model: Model, options: QuantizeInt8Options, context: PassContext): PassResult {
  const opset = opsetVersion(model);
  const excluded = exclusionsOf(model, options);
  if (opset < DYNAMIC_OPSET) return refuseOldOpset(opset);
  const statistics = opset >= PER_CHANNEL_OPSET ? context.statistics : undefined;
  const nodes: NodeStatus[] = [];
  const weights: WeightOptions = { guardPairs: options.saturation === "guard", bitsOf: weightBitsOf(model, options) };
  const counts = { staticNodes: 0, dynamicNodes: 0, quantizedTensors: 0 };
  for (const editor of GraphEditor.forModel(model)) {
    const islands = statistics && !editor.parent ? quantizeStatically(editor, excluded, statistics, options, weights, nodes)
      : findIslands(editor, { excluded, uncalibrated: editor.parent ? IN_BODY : NO_DATA });
    nodes.push(...[...islands.kept].map(([node, reason]) => status(node, "kept", reason)));
    if (islands.computes.length > 0) counts.quantizedTensors += islands.tensors.size;
    counts.staticNodes += islands.computes.length;
    counts.dynamicNodes += quantizeAtRunTime(editor, islands.dynamic, excluded, weights, nodes);
  }
  if (nodes.some(({ opType, status: result }) => opType === "LSTM" && result === "changed")) setOpsetVersion(model, 1, "com.microsoft");
  const lacksData = !statistics && nodes.some(({ opType }) => opType === "Conv");
  return { modified: counts.staticNodes + counts.dynamicNodes > 0, stats: counts, nodes, diagnostics: lacksData ? [needsData(opset)] : [] };
}

/** Quantizes the islands of a graph whose tensors calibration has seen, and returns them. */
function quantizeStatically(
  editor: GraphEditor, excluded: Exclusions, statistics: Statistics, options: QuantizeInt8Options, weights: WeightOptions, nodes: NodeStatus[],
): Islands {
  const unseen = new Map<Node, string>();
  for (;;) {
    const islands = findIslands(editor, { excluded: (node) => unseen.get(node) ?? excluded(node) });
    const parameters = activationParameters(editor, islands, statistics, options.calibrator, options.percentile);
    const missing = new Set([...islands.tensors].filter((tensor) => !parameters.has(tensor)));
    if (missing.size > 0) {
      for (const node of touching(islands, missing, editor)) unseen.set(node, "calibration never reached a tensor that it reads or makes");
      continue;
    }
    for (const node of islands.computes) nodes.push(status(node, "changed", `static int8, ${options.calibrator} calibration`));
    for (const node of islands.members) nodes.push(status(node, "changed", "runs on the codes of its neighbours"));
    for (const clamp of islands.clamps.values()) nodes.push(status(clamp, "changed", "the saturation of the codes before it takes its place"));
    insertStaticQdq(editor, islands, parameters, weights);
    return islands;
  }
}

/** Nodes of the islands that read or make one of the tensors, directly or through a clamp that they absorb. */
function touching({ computes, members, clamps }: Islands, tensors: ReadonlySet<string>, editor: GraphEditor): Node[] {
  const names = new Set(tensors);
  for (const tensor of tensors) for (const input of clamps.get(tensor)?.inputs ?? []) if (editor.producer(input)) names.add(input);
  return [...computes, ...members].filter((node) => [...node.inputs, ...node.outputs].some((name) => names.has(name)));
}

/** Dynamic quantization of the fully connected layers given and of all LSTMs; returns how many. */
function quantizeAtRunTime(editor: GraphEditor, dense: readonly Node[], excluded: Exclusions, weights: WeightOptions, nodes: NodeStatus[]): number {
  let count = 0;
  const change = (node: Node, quantize: (editor: GraphEditor, node: Node, options: WeightOptions) => void): void => {
    nodes.push(status(node, "changed", "dynamic int8: the input's range is taken at run time"));
    quantize(editor, node, weights);
    count++;
  };
  for (const node of dense) change(node, quantizeDynamically);
  for (const node of [...editor.graph.nodes]) {
    if (!isOp(node, "LSTM", "GRU", "RNN")) continue;
    const reason = excluded(node) ?? (isOp(node, "LSTM") ? whyNotDynamicLstm(editor, node) : "has no int8 kernel");
    if (reason !== undefined) nodes.push(status(node, "kept", reason));
    else change(node, quantizeLstm);
  }
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
