/** Walks nested scopes: the bodies of If, Loop and Scan, and the names that they capture. */
import type { FunctionDef, Model } from "./model.js";
import type { Graph, Node } from "./graph.js";
import type { Tensor } from "./tensor.js";

/** The graphs held by a node's attributes, in attribute order. */
export function subgraphsOf(node: Node): Graph[] {
  const graphs: Graph[] = [];
  for (const attribute of node.attributes) {
    if (attribute.g) graphs.push(attribute.g);
    if (attribute.graphs) graphs.push(...attribute.graphs);
  }
  return graphs;
}

/**
 * The node's bodies, each with its location: the node's first output and the attribute, numbered if it holds
 * several.
 */
export function bodiesOf(node: Node): { path: readonly [string, string]; body: Graph }[] {
  const output = node.outputs.find((name) => name !== "") ?? "";
  return node.attributes.flatMap(({ name, g, graphs = [] }) => [
    ...(g ? [{ path: [output, name] as const, body: g }] : []),
    ...graphs.map((body, k) => ({ path: [output, `${name}[${k}]`] as const, body })),
  ]);
}

/** The graph and every graph nested in it, outermost first. */
export function* nestedGraphs(graph: Graph): Generator<Graph> {
  yield graph;
  for (const node of graph.nodes) for (const body of subgraphsOf(node)) yield* nestedGraphs(body);
}

/** The nodes and those in their bodies, each before its contents. */
export function* withNested(nodes: readonly Node[]): Generator<Node> {
  for (const node of nodes) {
    yield node;
    for (const body of subgraphsOf(node)) yield* withNested(body.nodes);
  }
}

/** Every list of nodes of a model: the graph and its bodies, the functions and theirs. */
export function* nodeLists(model: Model): Generator<Graph | FunctionDef> {
  yield* nestedGraphs(model.graph);
  for (const fn of model.functions) {
    yield fn;
    for (const node of fn.nodes) for (const body of subgraphsOf(node)) yield* nestedGraphs(body);
  }
}

/** Every node of the model, in every scope. */
export function* allNodes(model: Model): Generator<Node> {
  for (const scope of nodeLists(model)) yield* scope.nodes;
}

/** Every constant of the model: initializers and tensors in attributes, in every scope. */
export function* allTensors(model: Model): Generator<Tensor> {
  for (const scope of nodeLists(model)) {
    if ("initializers" in scope) yield* scope.initializers;
    const defaults = "attributeDefaults" in scope ? scope.attributeDefaults : [];
    for (const attribute of [...defaults, ...scope.nodes.flatMap((node) => node.attributes)]) {
      if (attribute.t) yield attribute.t;
      if (attribute.tensors) yield* attribute.tensors;
    }
  }
}

/** Names that the node's bodies capture from enclosing scopes. */
export function capturedNames(node: Node): Set<string> {
  const captured = new Set<string>();
  for (const body of subgraphsOf(node)) for (const name of freeNames(body)) captured.add(name);
  return captured;
}

function freeNames(graph: Graph): Set<string> {
  const bound = new Set<string>();
  const free = new Set<string>();
  for (const input of graph.inputs) bound.add(input.name);
  for (const tensor of graph.initializers) bound.add(tensor.name ?? "");
  for (const node of graph.nodes) for (const output of node.outputs) bound.add(output);
  const use = (name: string): void => {
    if (name !== "" && !bound.has(name)) free.add(name);
  };
  for (const node of graph.nodes) {
    node.inputs.forEach(use);
    for (const name of capturedNames(node)) use(name);
  }
  for (const output of graph.outputs) use(output.name);
  return free;
}

/** Names of the graph's own values: inputs, constants and outputs of nodes. */
export function ownNames({ inputs, initializers, nodes }: Graph): Set<string> {
  const names = new Set<string>();
  for (const { name } of inputs) names.add(name);
  for (const { name = "" } of initializers) names.add(name);
  for (const { outputs } of nodes) for (const name of outputs) names.add(name);
  names.delete("");
  return names;
}

/** Whether the graph itself has a value of that name: an input, a constant or an output of a node. */
export function bindsName(graph: Graph, name: string): boolean {
  return (
    graph.inputs.some((i) => i.name === name) ||
    graph.initializers.some((t) => t.name === name) ||
    graph.nodes.some((n) => n.outputs.includes(name))
  );
}

/** Whether a body of the node has its own value of that name, which shadows the outer one. */
export function hidesName(node: Node, name: string): boolean {
  return subgraphsOf(node).some(
    (body) => bindsName(body, name) || body.nodes.some((inner) => hidesName(inner, name)),
  );
}
