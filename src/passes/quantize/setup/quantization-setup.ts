/**
 * The quantization of each layer and each activation, planned once: quantize-int8 follows the plan to measure
 * and to write, and earlier passes, such as round-weights, read it to prepare the weights.
 */
import {
  GraphEditor,
  type Model,
  type Node,
  opsetVersion,
  DataType,
  intAttribute,
  isOp,
  stringAttribute,
} from "../../../ir/index.js";
import type { Calibrator } from "../../../numeric/calibrators.js";
import type { Statistics } from "../../../numeric/statistics.js";
import { DYNAMIC_OPSET, PER_CHANNEL_OPSET } from "../../../ops/int8-kernels.js";
import { selectNodes } from "../../../ops/select.js";
import { type ActivationPlan, planActivations } from "./activation-parameters.js";
import { exclusionsOf } from "./excluded-nodes.js";
import type { Int8Format } from "./int8-formats.js";
import { findIslands, type IslandOptions, type Islands } from "./islands.js";
import { type WeightForm, weightForm, type WeightFormOptions } from "./weight-form.js";
import { analyzeShapes } from "../../../ops/shape-analysis.js";
import { plainLayer } from "../../../layers/layer.js";

export interface SetupOptions extends WeightFormOptions {
  /** The forms that the device's runtime supports. */
  readonly formats: readonly Int8Format[];
  /** Operator types that stay in float; the model need not contain them. */
  readonly floatOperators: readonly string[];
  /** Nodes, constants, operator types or patterns to keep in float; see selectNodes. */
  readonly exclude: readonly string[];
  /** Fully connected layers, selected in the same way, to quantize dynamically even if their input is quantized. */
  readonly dynamic?: readonly string[];
}

/** The measured activations, and how ranges are derived from them. */
interface MeasuredRanges {
  readonly statistics: Statistics;
  readonly calibrator: Calibrator;
  readonly percentile: number;
}

/** What is known about activations: nothing, that they will be measured, or the measurements. */
export type KnownRanges = "none" | "to come" | MeasuredRanges;

/** How a layer computes in int8, or why it stays in float. */
export type LayerSetup = { readonly arithmetic: "static" | "dynamic" } | { readonly reason: string };

/** The quantization of one graph of the model. */
export interface GraphSetup {
  readonly editor: GraphEditor;
  readonly islands: Islands;
  /** Scales and zero points of quantized tensors, once measured. */
  readonly activations: ActivationPlan | undefined;
  /** The layers: those of islands, then those that stay in float, then dynamically quantized ones. */
  readonly layers: ReadonlyMap<Node, LayerSetup>;
}

export interface QuantizationSetup {
  /** Of all graphs, outermost first. Empty if the model's operator set is too old for int8. */
  readonly graphs: readonly GraphSetup[];
  readonly form: WeightForm;
  /** Whether a node was excluded by name, type or constant. */
  readonly isExcluded: (node: Node) => boolean;
}

const NO_DATA = "needs calibration data: dynamic quantization of convolutions is slower than float";
const NO_DYNAMIC = "the target does not support this dynamically quantized layer";
const NO_STATIC = "the target does not support static int8";

/** Whether convolutions of the model can be quantized statically, once their activations are measured. */
export function takesStaticCodes(model: Model, { formats }: Pick<SetupOptions, "formats">): boolean {
  return opsetVersion(model) >= PER_CHANNEL_OPSET && formats.includes("static-qdq");
}

/**
 * @param user the calling pass, for messages. Throws EdgecError UNMATCHED_SELECTOR for an exclusion that
 * matches nothing.
 */
export function quantizationSetup(
  model: Model,
  options: SetupOptions,
  ranges: KnownRanges,
  user: string,
): QuantizationSetup {
  const isExcluded = exclusionsOf(model, options.exclude, user);
  const atRunTime = selectNodes(model, options.dynamic ?? [], user);
  const editors = opsetVersion(model) < DYNAMIC_OPSET ? [] : GraphEditor.forModel(model);
  const choices: IslandOptions = {
    excluded: (node) => {
      if (isExcluded(node)) return "excluded";
      return options.floatOperators.includes(node.opType)
        ? `${node.opType} stays in float on the target`
        : undefined;
    },
    atRunTime: (node) => atRunTime.has(node),
    rankOf: rankTeller(editors),
  };
  const known = takesStaticCodes(model, options) ? ranges : "none";
  return {
    graphs: editors.map((editor) => graphSetup(editor, options, choices, known)),
    form: weightForm(model, options),
    isExcluded,
  };
}

function graphSetup(
  editor: GraphEditor,
  { formats }: SetupOptions,
  choices: IslandOptions,
  ranges: KnownRanges,
): GraphSetup {
  const uncalibrated = formats.includes("static-qdq") ? NO_DATA : NO_STATIC;
  const found =
    typeof ranges === "string"
      ? {
          islands: findIslands(editor, { ...choices, ...(ranges === "none" ? { uncalibrated } : {}) }),
          activations: undefined,
        }
      : measuredIslands(editor, choices, ranges);
  return { editor, ...found, layers: layersOf(editor, found.islands, choices, formats) };
}

/** The islands whose tensors calibration reached, and whose layers tolerate the scales that they must share. */
function measuredIslands(
  editor: GraphEditor,
  choices: IslandOptions,
  { statistics, calibrator, percentile }: MeasuredRanges,
): { readonly islands: Islands; readonly activations: ActivationPlan } {
  /** Additional reasons why nodes stay in float. */
  const left = new Map<Node, string>();
  for (;;) {
    const islands = findIslands(editor, {
      ...choices,
      excluded: (node) => left.get(node) ?? choices.excluded(node),
    });
    const activations = planActivations(editor, islands, statistics, calibrator, percentile);
    const missing = new Set([...islands.tensors].filter((tensor) => !activations.parameters.has(tensor)));
    for (const node of touching(islands, missing, editor))
      left.set(node, "calibration did not reach one of its inputs or outputs");
    for (const [node, reason] of activations.unlike) left.set(node, reason);
    if (missing.size + activations.unlike.size === 0) return { islands, activations };
  }
}

/** Island nodes that read or produce one of the tensors, directly or through an absorbed clamp. */
function touching(
  { computes, members, clamps }: Islands,
  tensors: ReadonlySet<string>,
  editor: GraphEditor,
): Node[] {
  const names = new Set(tensors);
  for (const tensor of tensors)
    for (const input of clamps.get(tensor)?.inputs ?? []) if (editor.producer(input)) names.add(input);
  return [...computes, ...members].filter((node) =>
    [...node.inputs, ...node.outputs].some((name) => names.has(name)),
  );
}

function layersOf(
  editor: GraphEditor,
  { computes, kept, dynamic }: Islands,
  { excluded }: IslandOptions,
  formats: readonly Int8Format[],
): Map<Node, LayerSetup> {
  const layers = new Map<Node, LayerSetup>();
  for (const node of computes) layers.set(node, { arithmetic: "static" });
  for (const [node, reason] of kept) layers.set(node, { reason });
  const isTaken = formats.includes("dynamic-matmul");
  for (const node of dynamic) layers.set(node, isTaken ? { arithmetic: "dynamic" } : { reason: NO_DYNAMIC });
  for (const node of editor.graph.nodes) {
    if (!isRecurrent(node)) continue;
    const unsupported = formats.includes("dynamic-lstm") ? undefined : NO_DYNAMIC;
    const reason = excluded(node) ?? whyFloatRecurrence(editor, node, unsupported);
    layers.set(node, reason === undefined ? { arithmetic: "dynamic" } : { reason });
  }
  return layers;
}

/** @param editors of all graphs of a model, outermost first */
function rankTeller(
  editors: readonly GraphEditor[],
): (editor: GraphEditor, name: string) => number | undefined {
  let facts: ReturnType<typeof analyzeShapes> | undefined;
  return (editor, name) => (facts ??= analyzeShapes(editors)).get(editor)?.shape(name)?.length;
}

function isRecurrent(node: Node): boolean {
  return isOp(node, "LSTM", "GRU", "RNN");
}

/**
 * Why the node stays in float; undefined if it need not.
 * @param unsupported the reason if the target does not support int8 LSTM
 */
function whyFloatRecurrence(
  editor: GraphEditor,
  node: Node,
  unsupported: string | undefined,
): string | undefined {
  if (!isOp(node, "LSTM")) return "has no int8 kernel";
  return unsupported ?? whyFloatLstm(editor, node);
}

function whyFloatLstm(editor: GraphEditor, node: Node): string | undefined {
  const weights = [1, 2].map((index) => plainLayer(editor, node, index));
  if (weights.some((weight) => weight?.dataType !== DataType.FLOAT || weight.dims.length !== 3))
    return "its weights are not float constants";
  if (node.inputs[7]) return "peephole weights have no int8 kernel";
  if (intAttribute(node, "layout", 0) !== 0) return "the batch-first layout has no int8 kernel";
  if (intAttribute(node, "input_forget", 0) !== 0)
    return "coupled input and forget gates have no int8 kernel";
  return stringAttribute(node, "direction", "forward") === "reverse" && node.inputs[4]
    ? "reversed sequences with individual lengths have no int8 kernel"
    : undefined;
}
