/** Which layers pruning leaves alone unless told otherwise. */
import { capturedNames, elementCount, GraphEditor, type Model, type Node } from "../../ir/index.js";
import { weightSites } from "../../ops/weights.js";
import { layerNodes } from "./layer-nodes.js";
import type { WeightLayer } from "../weights/weight-layers.js";

/**
 * Layers at the ends of the network are protected while together they hold at most this share of the weights. Beyond
 * it they are no longer cheap to leave dense, and a network of two layers would not be pruned at all.
 */
const MAX_PROTECTED_SHARE = 0.25;

export type End = "first" | "last";

/** Layers that no weight comes before, or none after, by their place; those that are too large to protect apart. */
export function protectedEnds(model: Model, layers: readonly WeightLayer[]): { ends: Map<WeightLayer, End>; tooLarge: Map<WeightLayer, End> } {
  const places = endNodes(model);
  const ends = new Map<WeightLayer, End>();
  const tooLarge = new Map<WeightLayer, End>();
  const budget = MAX_PROTECTED_SHARE * weightsOf(layers);
  // The weights of one operator (input and recurrent ones of an LSTM) share its fate, the largest operator goes first.
  const placed = new Set<WeightLayer>();
  const groups = [...places].map(([node, end]) => {
    const own = layers.filter((layer) => !placed.has(layer) && layer.uses.some((use) => use.node === node));
    for (const layer of own) placed.add(layer);
    return { end, layers: own };
  });
  groups.sort((a, b) => weightsOf(b.layers) - weightsOf(a.layers));
  let held = weightsOf(groups.flatMap((group) => group.layers));
  for (const group of groups) {
    const found = held > budget ? tooLarge : ends;
    for (const layer of group.layers) found.set(layer, group.end);
    if (held > budget) held -= weightsOf(group.layers);
  }
  return { ends, tooLarge };
}

function weightsOf(layers: readonly WeightLayer[]): number {
  return layers.reduce((sum, layer) => sum + elementCount(layer.tensor), 0);
}

/**
 * Operators of the main graph with weights whose inputs come from no other layer, or whose outputs go to none. Embeddings
 * count: the layer behind one is not the first. So do layers that pruning does not reach (see layer-nodes.ts).
 */
function endNodes(model: Model): Map<Node, End> {
  const editor = GraphEditor.forMainGraph(model);
  const carriers = new Set([...weightSites(editor)].map((site) => site.node));
  const layers = layerNodes(editor, carriers);
  const { nodes } = model.graph;
  const ends = new Map<Node, End>();
  const isMet = (names: Iterable<string>, met: ReadonlySet<string>): boolean => [...names].some((name) => name !== "" && met.has(name));
  const behind = new Set<string>();
  for (const node of nodes) {
    const met = isMet(inputsOf(node), behind);
    if (carriers.has(node) && !met) ends.set(node, "first");
    if (layers.has(node) || met) for (const output of node.outputs) behind.add(output);
  }
  const before = new Set<string>();
  for (const node of [...nodes].reverse()) {
    const met = isMet(node.outputs, before);
    if (carriers.has(node) && !met) ends.set(node, "last");
    if (layers.has(node) || met) for (const input of inputsOf(node)) before.add(input);
  }
  return ends;
}

function inputsOf(node: Node): string[] {
  return [...node.inputs, ...capturedNames(node)];
}
