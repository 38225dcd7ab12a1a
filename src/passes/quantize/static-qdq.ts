/** Writes the Q/DQ form of planned islands: activation pairs, weight codes, clamps absorbed. */
import { DataType, floatTensor, type GraphEditor, integerTensor, isOp, makeNode, type Node, toNumbers } from "../../ir/index.js";
import { type AffineParameters, uint8Parameters } from "../../numeric/affine.js";
import { type Calibrator, calibratedRange } from "../../numeric/calibrators.js";
import type { HistogramRequest, Statistics } from "../../numeric/statistics.js";
import type { Islands } from "./islands.js";
import { isModelOutput } from "./model-output.js";
import { attachCodes, type WeightOptions } from "./weight-codes.js";

/**
 * What calibration must measure for the islands: a histogram of each tensor with parameters of its own, and of what a
 * layer reads in any case. Where the nodes before a mover stay float, its output has parameters of its own: a search for
 * nodes to leave in float must know them.
 */
export function histogramRequests(editor: GraphEditor, islands: Islands): HistogramRequest[] {
  const read = islands.computes.map(({ inputs: [tensor = ""] }) => tensor);
  return [...new Set([...ownTensors(islands), ...read])].map((tensor) => requestOf(editor, tensor));
}

function ownTensors({ tensors, sharedWith }: Islands): string[] {
  return [...tensors].filter((tensor) => !sharedWith.has(tensor));
}

function requestOf({ scope }: GraphEditor, tensor: string): HistogramRequest {
  return { kind: "histogram", tensor, ...(scope.length > 0 ? { scope } : {}) };
}

/** Parameters per tensor of the islands. A tensor that calibration never saw is absent. */
export function activationParameters(
  editor: GraphEditor, islands: Islands, statistics: Statistics, calibrator: Calibrator, percentile: number,
): Map<string, AffineParameters> {
  const parameters = new Map<string, AffineParameters>();
  for (const request of ownTensors(islands).map((tensor) => requestOf(editor, tensor))) {
    const histogram = statistics.get(request);
    if (!histogram) continue;
    const range = calibratedRange(histogram, calibrator, percentile);
    const clamp = islands.clamps.get(request.tensor);
    parameters.set(request.tensor, clamp ? clampedParameters(editor, clamp, range.max) : uint8Parameters(range.min, range.max));
  }
  for (const tensor of islands.sharedWith.keys()) {
    let source = tensor;
    while (islands.sharedWith.has(source)) source = islands.sharedWith.get(source)!;
    const shared = parameters.get(source);
    if (shared) parameters.set(tensor, shared);
  }
  return parameters;
}

/**
 * Codes from exactly 0 up, and never above the clamp's bound, so that their saturation is the clamp. Where calibration
 * saw zeros alone, the bound is all that is known of the range.
 */
function clampedParameters(editor: GraphEditor, clamp: Node, max: number): AffineParameters {
  const bound = isOp(clamp, "Clip") && clamp.inputs[2] ? toNumbers(editor.constant(clamp.inputs[2])!)[0]! : Infinity;
  return uint8Parameters(0, max > 0 || bound === Infinity ? Math.min(max, bound) : bound);
}

/** Rewrites the graph. Every tensor of the islands must have parameters. */
export function insertStaticQdq(editor: GraphEditor, islands: Islands, parameters: ReadonlyMap<string, AffineParameters>, options: WeightOptions): void {
  const readers = islandReaders(editor, islands);
  for (const node of islands.computes) attachCodes(editor, node, parameters.get(node.inputs[0]!)!.scale, options);
  for (const clamp of islands.clamps.values()) editor.removeNodes(clamp);
  for (const tensor of islands.tensors) {
    const source = islands.clamps.get(tensor)?.inputs[0] ?? tensor;
    insertPair(editor, { source, tensor, parameters: parameters.get(tensor)!, readers: readers.get(tensor)! });
  }
}

/**
 * Who reads the codes of each tensor. What an int8 kernel makes is read as codes by all, so that its Q is the only
 * user; a tensor that float operators make goes through the pair only on its way into int8 kernels.
 */
function islandReaders(editor: GraphEditor, islands: Islands): Map<string, Set<Node> | "all"> {
  const int8 = new Set([...islands.computes, ...islands.members]);
  const readers = new Map<string, Set<Node> | "all">();
  for (const tensor of islands.tensors) {
    const producer = islands.clamps.has(tensor) ? editor.producer(islands.clamps.get(tensor)!.inputs[0]!) : editor.producer(tensor);
    const madeInInt8 = producer !== undefined && int8.has(producer);
    readers.set(tensor, madeInInt8 ? "all" : new Set(editor.consumers(tensor).filter((node) => int8.has(node))));
  }
  return readers;
}

interface Pair {
  /** What is quantized: the tensor, or what its absorbed clamp read, which keeps its name and its meaning. */
  readonly source: string;
  readonly tensor: string;
  readonly parameters: AffineParameters;
  readonly readers: ReadonlySet<Node> | "all";
}

function insertPair(editor: GraphEditor, { source, tensor, parameters: { scale, zeroPoint }, readers }: Pair): void {
  const stem = editor.uniqueName("q");
  const dequantized = editor.uniqueName(`${stem}d`);
  const codes = editor.uniqueName(`${stem}c`);
  const scaleName = editor.addInitializer(floatTensor(editor.uniqueName(`${stem}s`), [], Float32Array.of(scale)));
  const zero = editor.addInitializer(integerTensor(editor.uniqueName(`${stem}z`), [], DataType.UINT8, Uint8Array.of(zeroPoint)));
  const users = editor.consumers(tensor);
  const pair = [makeNode("QuantizeLinear", [source, scaleName, zero], [codes]), makeNode("DequantizeLinear", [codes, scaleName, zero], [dequantized])];
  const producer = editor.producer(source);
  if (producer) editor.insertAfter(producer, ...pair);
  else editor.insertBefore(editor.graph.nodes[0], ...pair);
  const except = new Set(readers === "all" ? [] : users.filter((user) => !readers.has(user)));
  except.add(pair[0]!);
  editor.replaceUses(tensor, dequantized, except);
  // Without a Q behind it the kernel that makes a body's output would run in float.
  if (readers === "all" && !isModelOutput(editor, tensor)) editor.renameOutput(tensor, dequantized);
}
