/** Copies of a model that compute inner tensors, cut down to the nodes those need. The model itself stays as it is. */
import {
  capturedNames, makeNode, nonTensorValues, opsetVersion, type Graph, type Model, type Node, type Tensor,
} from "../ir/index.js";

/** Which requested tensors a node of the main graph computes, which are inputs and which constants; others are not reachable. */
export interface Located {
  readonly computed: readonly string[];
  readonly inputs: readonly string[];
  readonly constants: readonly Tensor[];
}

/** Finds where each named tensor of the main graph comes from. For those inside bodies see inner-tensors.ts. */
export function locate(graph: Graph, names: Iterable<string>): Located {
  const wanted = new Set(names);
  wanted.delete("");
  // onnxruntime's JavaScript API keeps outputs by name in a plain object, which loses this one.
  wanted.delete("__proto__");
  const constants = graph.initializers.filter((tensor) => wanted.has(tensor.name ?? ""));
  for (const tensor of constants) wanted.delete(tensor.name ?? "");
  const inputs = graph.inputs.map((input) => input.name).filter((name) => wanted.has(name));
  const nonTensors = nonTensorValues(graph);
  const made = graph.nodes.flatMap((node) => node.outputs);
  const computed = made.filter((name) => wanted.has(name) && !nonTensors.has(name));
  return { computed, inputs, constants };
}

/** A model whose outputs are exactly `names`, with only the nodes and constants that they need. */
export function modelComputing(model: Model, names: readonly string[]): Model {
  const { graph } = model;
  const own = new Map(graph.outputs.map((output) => [output.name, output]));
  // Without a declared type onnxruntime infers it, so shapes that were never inferred do no harm.
  const outputs = names.map((name) => own.get(name) ?? { name });
  return { ...model, graph: { ...needed(graph, names), outputs, quantizationAnnotations: [] } };
}

/**
 * A model that computes the shapes of `names` (outputs in that order), so that none of their values is kept.
 * @param counts those of the names whose values are numbers of elements already; their sum is the shape
 */
export function modelOfShapes(model: Model, names: readonly string[], counts: ReadonlySet<string> = new Set()): { model: Model; outputs: string[] } {
  const taken = new Set(model.graph.nodes.flatMap((node) => node.outputs));
  for (const value of [...model.graph.inputs, ...model.graph.initializers]) taken.add(value.name ?? "");
  let prefix = "shape_of_";
  while (names.some((_, i) => taken.has(`${prefix}${i}`))) prefix = `_${prefix}`;
  const outputs = names.map((_, i) => `${prefix}${i}`);
  const shapes = names.map((name, i) => makeNode(counts.has(name) ? "ReduceSum" : "Shape", [name], [outputs[i]!]));
  const graph = needed(model.graph, names);
  const opsetImports = opsetVersion(model) > 0 ? model.opsetImports : [...model.opsetImports, { domain: "", version: 17n }];
  return {
    model: {
      ...model, opsetImports,
      graph: { ...graph, nodes: [...graph.nodes, ...shapes], outputs: outputs.map((name) => ({ name })), quantizationAnnotations: [] },
    },
    outputs,
  };
}

function needed(graph: Graph, names: readonly string[]): Graph {
  const wanted = new Set(names);
  const kept = new Set<Node>();
  // Nodes are in topological order, so one walk from the end meets every user before its producer.
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => output !== "" && wanted.has(output))) continue;
    kept.add(node);
    for (const input of node.inputs) wanted.add(input);
    for (const name of capturedNames(node)) wanted.add(name);
  }
  const inputs = new Set(graph.inputs.map((input) => input.name));
  return {
    ...graph,
    nodes: graph.nodes.filter((node) => kept.has(node)),
    // A constant that is also declared as an input would turn into an input that must be fed.
    initializers: graph.initializers.filter((tensor) => wanted.has(tensor.name ?? "") || inputs.has(tensor.name ?? "")),
  };
}
