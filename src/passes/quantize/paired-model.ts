/** A model and its reference in one graph over the same inputs, to measure tensors of both together. */
import { attribute, copyModel, GraphEditor, makeNode, type Model, type Node, subgraphsOf } from "../../ir/index.js";

/**
 * A copy of `model` with the reference's nodes beside its own and one tensor more: `inner` of the model and `outer` of
 * the reference, side by side along the last axis. Undefined where names cannot be kept apart simply: bodies or functions.
 */
export function pairedModel(model: Model, reference: Model, inner: string, outer: string): { model: Model; tensor: string } | undefined {
  if (reference.functions.length > 0 || reference.graph.nodes.some((node) => subgraphsOf(node).length > 0)) return undefined;
  const paired = copyModel(model);
  const editor = GraphEditor.forMainGraph(paired);
  const shared = new Set(paired.graph.inputs.map(({ name }) => name));
  const names = new Map<string, string>();
  const renamed = (name: string): string => {
    if (name === "" || shared.has(name)) return name;
    const known = names.get(name) ?? editor.uniqueName(`reference_${name}`);
    names.set(name, known);
    return known;
  };
  for (const tensor of reference.graph.initializers) if (!shared.has(tensor.name ?? "")) editor.addInitializer({ ...tensor, name: renamed(tensor.name ?? "") });
  editor.insertBefore(undefined, ...reference.graph.nodes.map((node) => makeUnnamed(node, renamed)));
  for (const imported of reference.opsetImports) if (!paired.opsetImports.some(({ domain = "" }) => domain === (imported.domain ?? ""))) paired.opsetImports.push({ ...imported });
  const tensor = editor.uniqueName("pair");
  editor.insertBefore(undefined, makeNode("Concat", [inner, renamed(outer)], [tensor], [attribute.int("axis", -1)]));
  return { model: paired, tensor };
}

/** Names of nodes must be unique as well, and nobody asks for these. */
function makeUnnamed(node: Node, renamed: (name: string) => string): Node {
  const copy = { ...node, inputs: node.inputs.map(renamed), outputs: node.outputs.map(renamed) };
  delete copy.name;
  return copy;
}
