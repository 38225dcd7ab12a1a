/**
 * Makes copies of a model that compute inner tensors, reduced to the nodes that those need. The model itself
 * is not changed.
 */
import {
  capturedNames,
  makeNode,
  nonTensorValues,
  opsetVersion,
  type Graph,
  type Model,
  type Node,
  type Tensor,
  type ValueInfo,
} from "../ir/index.js";

/**
 * Which requested tensors are computed by a node of the main graph, are inputs, or are constants. Others
 * cannot be reached.
 */
export interface Located {
  readonly computed: readonly string[];
  readonly inputs: readonly string[];
  readonly constants: readonly Tensor[];
}

/**
 * Finds where each named tensor of the main graph comes from. For tensors inside bodies see
 * expose-subgraph-tensors.ts.
 */
export function locate(graph: Graph, names: Iterable<string>): Located {
  const wanted = new Set(names);
  wanted.delete("");
  // onnxruntime's JavaScript API keeps outputs in a plain object, which loses this name.
  wanted.delete("__proto__");
  const constants = graph.initializers.filter((tensor) => wanted.has(tensor.name ?? ""));
  for (const tensor of constants) wanted.delete(tensor.name ?? "");
  const inputs = graph.inputs.map((input) => input.name).filter((name) => wanted.has(name));
  const nonTensors = nonTensorValues(graph);
  const made = graph.nodes.flatMap((node) => node.outputs);
  const computed = made.filter((name) => wanted.has(name) && !nonTensors.has(name));
  return { computed, inputs, constants };
}

/**
 * A model whose outputs are exactly `names`, with only the nodes and constants that they need.
 * @param given tensors of the model that are inputs of the result, as far as it needs them
 */
export function modelComputing(
  model: Model,
  names: readonly string[],
  given: readonly ValueInfo[] = [],
): Model {
  const own = new Map(model.graph.outputs.map((output) => [output.name, output]));
  // onnxruntime infers types that are not declared, so missing shapes do no harm.
  const outputs = names.map((name) => own.get(name) ?? { name });
  const graph = needed(model.graph, names, new Set(given.map(({ name }) => name)));
  const read = new Set(graph.nodes.flatMap((node) => [...node.inputs, ...capturedNames(node)]));
  const inputs = [...graph.inputs, ...given.filter(({ name }) => read.has(name))];
  return { ...model, graph: { ...graph, inputs, outputs, quantizationAnnotations: [] } };
}

/**
 * A model that computes the shapes of `names` (outputs in that order), so that none of their values is kept.
 * @param counts those of the names whose values are already numbers of elements; their sum is the shape
 */
export function modelOfShapes(
  model: Model,
  names: readonly string[],
  counts: ReadonlySet<string> = new Set(),
): { model: Model; outputs: string[] } {
  const taken = new Set(model.graph.nodes.flatMap((node) => node.outputs));
  for (const value of [...model.graph.inputs, ...model.graph.initializers]) taken.add(value.name ?? "");
  let prefix = "shape_of_";
  while (names.some((_, i) => taken.has(`${prefix}${i}`))) prefix = `_${prefix}`;
  const outputs = names.map((_, i) => `${prefix}${i}`);
  const shapes = names.map((name, i) =>
    makeNode(counts.has(name) ? "ReduceSum" : "Shape", [name], [outputs[i]!]),
  );
  const graph = needed(model.graph, names);
  const opsetImports =
    opsetVersion(model) > 0 ? model.opsetImports : [...model.opsetImports, { domain: "", version: 17n }];
  return {
    model: {
      ...model,
      opsetImports,
      graph: {
        ...graph,
        nodes: [...graph.nodes, ...shapes],
        outputs: outputs.map((name) => ({ name })),
        quantizationAnnotations: [],
      },
    },
    outputs,
  };
}

function needed(graph: Graph, names: readonly string[], given: ReadonlySet<string> = new Set()): Graph {
  const wanted = new Set(names);
  const kept = new Set<Node>();
  // Nodes are in topological order, so one walk from the end visits every user before its producer.
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => output !== "" && wanted.has(output) && !given.has(output))) continue;
    kept.add(node);
    for (const input of node.inputs) wanted.add(input);
    for (const name of capturedNames(node)) wanted.add(name);
  }
  const inputs = new Set(graph.inputs.map((input) => input.name));
  return {
    ...graph,
    nodes: graph.nodes.filter((node) => kept.has(node)),
    // A constant that is also declared as an input would become an input that must be fed.
    initializers: graph.initializers.filter(
      (tensor) => wanted.has(tensor.name ?? "") || inputs.has(tensor.name ?? ""),
    ),
  };
}
