/** Finds the first and last layers, which pruning protects by default. */
import { capturedNames, elementCount, GraphEditor, type Model, type Node } from "../../ir/index.js";
import { plainLayers } from "../../layers/layer.js";
import { layerNodes } from "../../layers/layer-nodes.js";
import type { WeightLayer } from "../../layers/weight-layers.js";

/**
 * The first and last layers are protected if together they hold at most this share of the weights. Beyond it,
 * leaving them dense is no longer cheap, and a network of two layers would not be pruned at all.
 */
const MAX_PROTECTED_SHARE = 0.25;

type End = "first" | "last";

/**
 * Layers with no weight before them, or none after them, by their position; those too large to protect are
 * listed separately.
 */
export function protectedEnds(
  model: Model,
  layers: readonly WeightLayer[],
): { ends: Map<WeightLayer, End>; tooLarge: Map<WeightLayer, End> } {
  const places = endNodes(model);
  const ends = new Map<WeightLayer, End>();
  const tooLarge = new Map<WeightLayer, End>();
  const budget = MAX_PROTECTED_SHARE * weightsOf(layers);
  // All weights of one operator (input and recurrent ones of an LSTM) are protected or not; the largest
  // operator loses protection first.
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
 * Operators of the main graph with weights whose inputs come from no other layer, or whose outputs reach none.
 * Embeddings count as layers, so the layer behind one is not the first. So do layers that pruning cannot
 * change (see layer-nodes.ts).
 */
function endNodes(model: Model): Map<Node, End> {
  const editor = GraphEditor.forMainGraph(model);
  const carriers = new Set([...plainLayers(editor)].map(({ node }) => node));
  const layers = layerNodes(editor, carriers);
  const { nodes } = model.graph;
  const ends = new Map<Node, End>();
  const isMet = (names: Iterable<string>, met: ReadonlySet<string>): boolean =>
    [...names].some((name) => name !== "" && met.has(name));
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
