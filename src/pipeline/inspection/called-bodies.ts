/**
 * Calls of model-local functions replaced by their bodies, so that what they compute can be inferred. To look at, not to
 * run: the operator sets of functions are not reconciled with those of the model.
 */
import { copyNode, subgraphsOf, type Attribute, type FunctionDef, type Graph, type Model, type Node } from "../../ir/index.js";

/** Nodes that inlining may add; functions that call functions grow exponentially. */
const MOST_NODES = 50_000;
const MOST_LEVELS = 32;

/**
 * Inlines the calls in `model`'s graph and its bodies, in place, as long as they add no more than 50,000 nodes; other
 * calls stay. A body keeps no declarations. Returns which call each new node comes from.
 */
export function expandCalls(model: Model): Map<Node, Node> {
  const functions = new Map(model.functions.map((fn) => [key(fn.domain, fn.name ?? "", fn.overload), fn]));
  const origins = new Map<Node, Node>();
  let called = 0;
  const visit = (nodes: readonly Node[], level: number): Node[] => nodes.flatMap((node) => {
    for (const body of subgraphsOf(node)) body.nodes = visit(body.nodes, level);
    const fn = functions.get(key(node.domain, node.opType, node.overload));
    if (!fn || level >= MOST_LEVELS || origins.size + fn.nodes.length > MOST_NODES) return [node];
    const inner = bodyOf(fn, node, `${fn.name ?? ""}#${called++}/`);
    for (const each of withNested(inner)) origins.set(each, origins.get(node) ?? node);
    return visit(inner, level + 1);
  });
  if (functions.size > 0) model.graph.nodes = visit(model.graph.nodes, 0);
  return origins;
}

function* withNested(nodes: readonly Node[]): Generator<Node> {
  for (const node of nodes) {
    yield node;
    for (const body of subgraphsOf(node)) yield* withNested(body.nodes);
  }
}

function key(domain: string | undefined, name: string, overload: string | undefined): string {
  return `${domain === "ai.onnx" ? "" : domain ?? ""}\n${name}\n${overload ?? ""}`;
}

function bodyOf(fn: FunctionDef, call: Node, prefix: string): Node[] {
  const names = new Map<string, string>();
  fn.inputs.forEach((name, k) => names.set(name, call.inputs[k] ?? ""));
  fn.outputs.forEach((name, k) => {
    const outer = call.outputs[k] ?? "";
    names.set(name, outer === "" ? prefix + name : outer);
  });
  const given = new Map([...fn.attributeDefaults, ...call.attributes].map((attribute) => [attribute.name, attribute]));
  return fn.nodes.map((node) => renamed(copyNode(node), (name) => (name === "" ? "" : names.get(name) ?? prefix + name), given));
}

function renamed(node: Node, rename: (name: string) => string, given: ReadonlyMap<string, Attribute>): Node {
  node.inputs = node.inputs.map(rename);
  node.outputs = node.outputs.map(rename);
  node.attributes = node.attributes.flatMap((attribute) => bound(attribute, given));
  for (const body of subgraphsOf(node)) renameGraph(body, rename, given);
  return node;
}

function renameGraph(graph: Graph, rename: (name: string) => string, given: ReadonlyMap<string, Attribute>): void {
  for (const value of [...graph.inputs, ...graph.outputs]) value.name = rename(value.name);
  graph.valueInfo = [];
  graph.initializers = graph.initializers.map((tensor) => ({ ...tensor, name: rename(tensor.name ?? "") }));
  for (const node of graph.nodes) renamed(node, rename, given);
}

/** An attribute that refers to one of the call takes its value; without one it is left out. */
function bound(attribute: Attribute, given: ReadonlyMap<string, Attribute>): Attribute[] {
  if (attribute.refAttrName === undefined) return [attribute];
  const value = given.get(attribute.refAttrName);
  return value ? [{ ...value, name: attribute.name }] : [];
}
