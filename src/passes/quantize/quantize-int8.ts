/**
 * quantize-int8: computes in int8 where onnxruntime has a kernel for it.
 *
 *   Conv(x, W, b)   →   Q ─▶ DQ ─▶ Conv(·, DQ(W int8), DQ(b int32)) ─▶ Q ─▶ DQ      (runs as one QLinearConv)
 *   MatMul(x, W)    →   DynamicQuantizeLinear ─▶ MatMulInteger ─▶ Cast ─▶ Mul        (one DynamicQuantizeMatMul)
 *   LSTM            →   DynamicQuantizeLSTM
 *
 * With calibration data, convolutions and what joins them (islands.ts) are quantized statically: uint8 activations,
 * int8 weights per output channel (or per tensor on request), int32 biases. Fully connected layers that no codes reach,
 * and LSTMs, are quantized dynamically, with or without data; convolutions never are, as that is slower than float on
 * every CPU measured. Weights are kept free of int16 saturation by default, so that the file gives the same answers on
 * CPUs without VNNI.
 *
 * Handles every scope: in the body of an If, Loop or Scan islands form as in a graph of its own, and what it captures is
 * quantized inside. onnxruntime fuses Q/DQ pairs in bodies too: four 3 × 3 convolutions of 32 channels run 2.9 times as
 * fast there as in float, as they do in the main graph (1.32, AVX-512 VNNI, one thread). GRU and RNN, ConvTranspose, and
 * layers whose weights or biases are computed stay float, each with its reason.
 * An excluded Add or Concat whose neighbours carry codes on all sides may still be run on codes by onnxruntime: exclude
 * the neighbours as well. Needs operator set 13 for convolutions, 11 for the rest.
 * Source of the method: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-
 * only inference" (CVPR 2018); the fused forms are onnxruntime's.
 */
import type { Diagnostic } from "../../diagnostics.js";
import { EdgecError, suggestion } from "../../errors.js";
import { GraphEditor, isOp, type Model, type Node, opsetVersion, setOpsetVersion } from "../../ir/index.js";
import { maxCodeOf } from "../../numeric/affine.js";
import { type Calibrator, CALIBRATORS, DEFAULT_PERCENTILE } from "../../numeric/calibrators.js";
import type { StatisticRequest, Statistics } from "../../numeric/statistics.js";
import { DYNAMIC_OPSET, PER_CHANNEL_OPSET } from "../../ops/int8-kernels.js";
import { selectNodes } from "../../ops/select.js";
import { weightView } from "../../ops/weight-view.js";
import type { NodeStatus, PassContext, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { RAISE_OPSET } from "../graph/upgrade-opset.js";
import { histogramRequests, planActivations } from "./activation-parameters.js";
import { quantizeLstm, whyNotDynamicLstm } from "./dynamic-lstm.js";
import { quantizeDynamically } from "./dynamic-matmul.js";
import { INT8_FORMATS, type Int8Format } from "./int8-formats.js";
import { exclusionsOf } from "./exclusions.js";
import { readFromCodes } from "./float-readers.js";
import { findIslands, type IslandOptions, type Islands } from "./islands.js";
import { saturationRisk } from "./saturation-risk.js";
import { insertStaticQdq } from "./static-qdq.js";
import { SharedCodes } from "./shared-codes.js";
import { staticStatuses, status } from "./static-status.js";
import { rankTeller } from "./value-ranks.js";
import { weightOptions, type WeightForm, type WeightOptions } from "./weight-codes.js";
import { validateWeightBits, WEIGHT_BITS_DEFAULTS, type WeightBitsOptions, weightBitsOf } from "./weight-bits.js";

export interface QuantizeInt8Options extends WeightBitsOptions {
  /** How the range of an activation is taken from its histogram. */
  readonly calibrator: Calibrator;
  /** Share of values in percent that the percentile calibrator keeps. */
  readonly percentile: number;
  /**
   * Whether weights are kept free of int16 saturation on x86-64 without VNNI ("guard"), take all of int8 ("ignore"), or
   * keep to seven bits, from -63 to 63, as relaxed SIMD of WebAssembly needs it ("seven-bit").
   */
  readonly saturation: "guard" | "ignore" | "seven-bit";
  /** The forms that the runtime on the device takes. */
  readonly formats: readonly Int8Format[];
  /** Operator types that stay float, whether the model has them or not. */
  readonly floatOperators: readonly string[];
  /** One scale for each output channel of a weight; false: one for the whole weight, which some accelerators want. */
  readonly perChannel: boolean;
  /** Whether what reads a weight as floats reads the codes of int8 layers too, so that the file holds it once. */
  readonly oneCopy: boolean;
  /** Nodes, constants, operator types or patterns that stay float; see selectNodes. */
  readonly exclude: readonly string[];
  /** Names among `exclude` that a search has left in float: their weights may come from the codes of other layers. */
  readonly leftInFloat: readonly string[];
  /** Fully connected layers, named likewise, whose ranges are taken at run time even where codes reach them. */
  readonly dynamic: readonly string[];
}

const NAME = "quantize-int8";
const SATURATIONS: readonly string[] = ["guard", "ignore", "seven-bit"];

export const quantizeInt8 = definePass<QuantizeInt8Options>({
  name: NAME,
  description: "Compute in int8: statically where calibration data is given, dynamically for fully connected layers and LSTM",
  flag: { syntax: "--int8", help: "quantize to int8, where onnxruntime has int8 kernels", parse: () => ({}) },
  lossy: true,
  defaults: { calibrator: "mse", percentile: DEFAULT_PERCENTILE, saturation: "guard", formats: INT8_FORMATS,
    floatOperators: [], perChannel: true, oneCopy: true, exclude: [], leftInFloat: [], dynamic: [], ...WEIGHT_BITS_DEFAULTS },
  validate,
  statistics: (model, options) => requests(model, options),
  run: quantizeModel,
});

function validate(options: QuantizeInt8Options): void {
  const { calibrator, percentile, saturation, formats } = options;
  if (!CALIBRATORS.includes(calibrator)) {
    throw new EdgecError("BAD_OPTION", `there is no calibrator "${calibrator}".${suggestion(calibrator, CALIBRATORS)} Use one of ${CALIBRATORS.join(", ")}.`);
  }
  if (!SATURATIONS.includes(saturation)) throw new EdgecError("BAD_OPTION", `saturation must be one of ${SATURATIONS.join(", ")}, not "${saturation}".${suggestion(saturation, SATURATIONS)}`);
  const unknown = formats.find((format) => !INT8_FORMATS.includes(format));
  if (unknown !== undefined) throw new EdgecError("BAD_OPTION", `there is no int8 format "${unknown}".${suggestion(unknown, INT8_FORMATS)} Use some of ${INT8_FORMATS.join(", ")}.`);
  if (!(percentile > 50 && percentile <= 100)) throw new EdgecError("BAD_OPTION", `percentile must be above 50 and at most 100, not ${percentile}.`);
  validateWeightBits(options);
}

const NO_DATA = "needs calibration data: dynamic quantization of convolutions is slower than float";
const NO_DYNAMIC = "the target takes no such layer with ranges taken at run time";
const NO_STATIC = "the target takes no static int8";

function requests(model: Model, options: QuantizeInt8Options): StatisticRequest[] {
  if (opsetVersion(model) < PER_CHANNEL_OPSET || !options.formats.includes("static-qdq")) return [];
  const choices = choicesOf(model, options);
  const editors = GraphEditor.forModel(model);
  const rankOf = rankTeller(editors);
  return editors.flatMap((editor) => histogramRequests(editor, findIslands(editor, { ...choices, rankOf })));
}

function formOf(model: Model, options: QuantizeInt8Options): WeightForm {
  const { saturation, perChannel } = options;
  return { guardPairs: saturation === "guard", perTensor: !perChannel, bitsOf: weightBitsOf(model, options), ...(saturation === "seven-bit" ? { maxCode: maxCodeOf(7) } : {}) };
}

/** What the options say of each node. */
interface Choices {
  readonly excluded: (node: Node) => string | undefined;
  /** As `excluded`, without what a search has left in float. */
  readonly keepsFloats: (node: Node) => string | undefined;
  readonly atRunTime: (node: Node) => boolean;
}

function choicesOf(model: Model, { exclude, leftInFloat, dynamic, floatOperators }: QuantizeInt8Options): Choices {
  const isExcluded = exclusionsOf(model, exclude, NAME);
  const isKept = exclusionsOf(model, exclude.filter((name) => !leftInFloat.includes(name)), NAME);
  const atRunTime = selectNodes(model, dynamic, NAME);
  const stayFloat = new Set(floatOperators);
  return {
    keepsFloats: (node) => (isKept(node) ? "excluded" : undefined),
    excluded: (node) => {
      if (isExcluded(node)) return "excluded";
      return stayFloat.has(node.opType) ? `${node.opType} stays float on the target` : undefined;
    },
    atRunTime: (node) => atRunTime.has(node),
  };
}

function quantizeModel(model: Model, options: QuantizeInt8Options, context: PassContext): PassResult {
  const opset = opsetVersion(model);
  const choices = choicesOf(model, options);
  if (opset < DYNAMIC_OPSET) return refuseOldOpset(opset);
  const takesStatic = options.formats.includes("static-qdq");
  const statistics = opset >= PER_CHANNEL_OPSET && takesStatic ? context.statistics : undefined;
  const editors = GraphEditor.forModel(model);
  const counts = { staticNodes: 0, dynamicNodes: 0, quantizedTensors: 0, pairsAtRisk: 0 };
  const scope: Scope = {
    options, choices: { ...choices, rankOf: rankTeller(editors) }, form: formOf(model, options),
    shared: noted(new SharedCodes(editors, options.oneCopy), editors),
      risk: riskTeller(options, (atRisk) => (counts.pairsAtRisk += atRisk)),
  };
  const byGraph: NodeStatus[][] = [];
  // Bodies first: a graph that is rewritten renames what its bodies capture, and statistics go by the names that were measured.
  for (const editor of [...editors].reverse()) {
    const nodes: NodeStatus[] = [];
    const islands = statistics ? quantizeStatically(editor, scope, statistics, nodes)
      : findIslands(editor, { ...scope.choices, uncalibrated: takesStatic ? NO_DATA : NO_STATIC });
    nodes.push(...[...islands.kept].map(([node, reason]) => status(node, "kept", reason)));
    if (islands.computes.length > 0) counts.quantizedTensors += islands.tensors.size;
    counts.staticNodes += islands.computes.length;
    counts.dynamicNodes += quantizeAtRunTime(editor, islands, scope, nodes);
    byGraph.unshift(nodes);
  }
  const nodes = [...byGraph.flat(),
    ...(options.oneCopy ? readFromCodes(scope.shared, choices.keepsFloats, scope.form.bitsOf ?? (() => 8)) : [])];
  if (nodes.some(({ opType, status: result }) => opType === "LSTM" && result === "changed")) setOpsetVersion(model, 1, "com.microsoft");
  const lacksData = !statistics && takesStatic && nodes.some(({ opType }) => opType === "Conv");
  return { modified: counts.staticNodes + counts.dynamicNodes > 0, stats: counts, nodes, diagnostics: lacksData ? [needsData(opset)] : [] };
}

/** What the graphs of a model are quantized by. */
interface Scope {
  readonly options: QuantizeInt8Options;
  readonly choices: Choices & Pick<IslandOptions, "rankOf">;
  readonly form: WeightForm;
  readonly shared: SharedCodes;
  readonly risk: RiskTeller;
}

/** Has the codes note who reads the weights of all layers. */
function noted(shared: SharedCodes, editors: readonly GraphEditor[]): SharedCodes {
  for (const editor of editors) {
    for (const node of editor.graph.nodes) {
      if (!isOp(node, "Conv", "MatMul", "Gemm", "LSTM")) continue;
      for (const name of node.inputs.slice(0, 3)) {
        const view = weightView(editor, name);
        if (view && view.dims.length > 1) shared.note(view.tensor);
      }
    }
  }
  return shared;
}

/** Quantizes the islands of a graph whose tensors calibration has seen, and returns them. */
function quantizeStatically(
  editor: GraphEditor, { choices, options, form, shared, risk }: Scope, statistics: Statistics, nodes: NodeStatus[],
): Islands {
  /** Why nodes stay float after all. */
  const left = new Map<Node, string>();
  for (;;) {
    const islands = findIslands(editor, { ...choices, excluded: (node) => left.get(node) ?? choices.excluded(node) });
    const plan = planActivations(editor, islands, statistics, options.calibrator, options.percentile);
    const missing = new Set([...islands.tensors].filter((tensor) => !plan.parameters.has(tensor)));
    for (const node of touching(islands, missing, editor)) left.set(node, "calibration never reached a tensor that it reads or makes");
    for (const [node, reason] of plan.unlike) left.set(node, reason);
    if (missing.size + plan.unlike.size > 0) continue;
    const forWeights = weightOptions(editor, islands.computes, form);
    nodes.push(...staticStatuses(islands, plan, options.calibrator, (node) => risk(editor, node, forWeights)));
    insertStaticQdq(editor, islands, plan.parameters, forWeights, shared);
    return islands;
  }
}

/** Nodes of the islands that read or make one of the tensors, directly or through a clamp that they absorb. */
function touching({ computes, members, clamps }: Islands, tensors: ReadonlySet<string>, editor: GraphEditor): Node[] {
  const names = new Set(tensors);
  for (const tensor of tensors) for (const input of clamps.get(tensor)?.inputs ?? []) if (editor.producer(input)) names.add(input);
  return [...computes, ...members].filter((node) => [...node.inputs, ...node.outputs].some((name) => names.has(name)));
}

/** Dynamic quantization of the fully connected layers left for it and of all LSTMs; returns how many. */
function quantizeAtRunTime(
  editor: GraphEditor, { dynamic, ranks }: Islands,
  { choices: { excluded }, options: { formats }, form, shared, risk }: Scope, nodes: NodeStatus[],
): number {
  const forWeights = weightOptions(editor, dynamic, form);
  let count = 0;
  const change = (node: Node, quantize: () => void): void => {
    nodes.push(status(node, "changed", `dynamic int8: the input's range is taken at run time${risk(editor, node, forWeights)}`));
    quantize();
    count++;
  };
  for (const node of dynamic) {
    if (formats.includes("dynamic-matmul")) change(node, () =>
      quantizeDynamically(editor, node, forWeights, shared, ranks.get(node)));
    else nodes.push(status(node, "kept", NO_DYNAMIC));
  }
  for (const node of [...editor.graph.nodes]) {
    if (!isOp(node, "LSTM", "GRU", "RNN")) continue;
    const reason = excluded(node) ?? (!isOp(node, "LSTM") ? "has no int8 kernel" : formats.includes("dynamic-lstm") ? whyNotDynamicLstm(editor, node) : NO_DYNAMIC);
    if (reason !== undefined) nodes.push(status(node, "kept", reason));
    else change(node, () => quantizeLstm(editor, node, forWeights, shared));
  }
  return count;
}

type RiskTeller = (editor: GraphEditor, node: Node, options: WeightOptions) => string;

/** Counts the pairs of a layer's weights that full-range codes would let saturate, and says what became of them. */
function riskTeller({ saturation }: QuantizeInt8Options, count: (atRisk: number) => void): RiskTeller {
  return (editor, node, { reader }) => {
    const { pairs, atRisk } = saturationRisk(editor, node, reader);
    count(atRisk);
    if (atRisk === 0) return "";
    return saturation === "ignore" ? `; ${atRisk} of ${pairs} pairs of weights can saturate without VNNI` : `; ${atRisk} of ${pairs} pairs of weights are kept from saturating`;
  };
}

function needsData(opset: number): Diagnostic {
  const message = opset < PER_CHANNEL_OPSET
    ? `The model uses operator set ${opset}; int8 convolutions need ${PER_CHANNEL_OPSET}, and it could not be raised.`
    : "Without calibration data convolutions stay float. Give some 100 typical inputs with --calib to compute them in int8, up to 3 times faster.";
  return { id: "quantize-int8/needs-data", severity: "warning", message };
}

function refuseOldOpset(opset: number): PassResult {
  const message = `The model uses operator set ${opset}; int8 kernels need ${DYNAMIC_OPSET}. ${RAISE_OPSET}`;
  return { modified: false, stats: {}, nodes: [], diagnostics: [{ id: "quantize-int8/old-opset", severity: "warning", message }] };
}
