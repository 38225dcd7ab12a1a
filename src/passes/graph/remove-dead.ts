/**
 * Removes everything that no output depends on, also in bodies: nodes, initializers, optional outputs,
 * declarations of values that no longer exist, and functions that nothing calls.
 *
 * Outputs are removed if the operator's definition makes them optional: the mask of Dropout, indices of
 * MaxPool, states of LSTM. One that is followed by others becomes an empty name. Those of BatchNormalization
 * stay, because their number determines whether it trains (at operator set 9, onnxruntime 1.32 returned
 * different values with one output than with five).
 *
 * Left alone: graph inputs, and initializers that are their defaults; nodes of other operator sets without
 * outputs, which may have side effects; sparse initializers, whose names are not decoded.
 */
import {
  allNodes,
  functionKey,
  isOp,
  isStandard,
  opsetVersion,
  subgraphsOf,
  standardDomain,
} from "../../ir/index.js";
import type { FunctionDef, Graph, Model, Node } from "../../ir/index.js";
import { operatorFacts } from "../../ops/operator-facts.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

interface Removed {
  nodes: number;
  initializers: number;
  declarations: number;
  outputs: number;
  functions: number;
}

export const removeDead = definePass<Record<string, never>>({
  name: "remove-dead",
  description: "Remove nodes, constants and functions that no output depends on",
  lossy: false,
  defaults: {},
  run(model) {
    const removed: Removed = { nodes: 0, initializers: 0, declarations: 0, outputs: 0, functions: 0 };
    sweep(model.graph, removed, opsetVersion(model));
    removed.functions = removeFunctions(model);
    return exactResult({ ...removed });
  },
});

/** Removes dead nodes and values of the graph and returns the names that it captures from outside. */
function sweep(graph: Graph, removed: Removed, opset: number): Set<string> {
  const needed = new Set(graph.outputs.map((output) => output.name));
  const alive: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!isNeeded(node, needed)) {
      removed.nodes++;
      continue;
    }
    alive.push(node);
    removed.outputs += dropUnusedOutputs(node, needed, opset);
    for (const input of node.inputs) needed.add(input);
    for (const body of subgraphsOf(node)) for (const name of sweep(body, removed, opset)) needed.add(name);
  }
  if (alive.length < graph.nodes.length) graph.nodes = alive.reverse();
  removeConstants(graph, needed, removed);
  return removeDeclarations(graph, needed, removed);
}

function isNeeded(node: Node, needed: ReadonlySet<string>): boolean {
  const outputs = node.outputs.filter((name) => name !== "");
  return outputs.some((name) => needed.has(name)) || (outputs.length === 0 && !isStandard(node));
}

/** The node is needed, so an output that is needed stays. */
function dropUnusedOutputs(node: Node, needed: ReadonlySet<string>, opset: number): number {
  if (node.outputs.length < 2 || !isStandard(node) || isOp(node, "BatchNormalization")) return 0;
  const parameters = operatorFacts("", node.opType, opset)?.outputs ?? [];
  let dropped = 0;
  for (let k = node.outputs.length - 1; k >= 0; k--) {
    const name = node.outputs[k] ?? "";
    if ((name !== "" && needed.has(name)) || parameters[k]?.isOptional !== true) continue;
    const isLast = k > 0 && k === node.outputs.length - 1;
    if (isLast) node.outputs.pop();
    else node.outputs[k] = "";
    if (isLast || name !== "") dropped++;
  }
  return dropped;
}

function removeConstants(graph: Graph, needed: ReadonlySet<string>, removed: Removed): void {
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const kept = graph.initializers.filter(({ name = "" }) => needed.has(name) || inputs.has(name));
  removed.initializers += graph.initializers.length - kept.length;
  if (kept.length < graph.initializers.length) graph.initializers = kept;
}

/**
 * Removes declarations of values that this graph does not define. Returns the needed names that it does not
 * define.
 */
function removeDeclarations(graph: Graph, needed: ReadonlySet<string>, removed: Removed): Set<string> {
  const bound = new Set([
    ...graph.inputs.map(({ name }) => name),
    ...graph.initializers.map(({ name = "" }) => name),
    ...graph.nodes.flatMap((node) => node.outputs),
  ]);
  if (graph.sparseInitializers.length === 0) {
    const kept = graph.valueInfo.filter((value) => bound.has(value.name));
    removed.declarations += graph.valueInfo.length - kept.length;
    if (kept.length < graph.valueInfo.length) graph.valueInfo = kept;
  }
  return new Set([...needed].filter((name) => name !== "" && !bound.has(name)));
}

/** Removes functions that neither the graph nor a remaining function calls. */
function removeFunctions(model: Model): number {
  const byKey = new Map(model.functions.map((fn) => [functionKey(fn.domain, fn.name, fn.overload), fn]));
  const reached = new Set<FunctionDef>();
  // An explicit list instead of recursion, because a hostile file may nest functions arbitrarily deep.
  const waiting: (readonly Node[])[] = [model.graph.nodes];
  for (let nodes = waiting.pop(); nodes; nodes = waiting.pop()) {
    for (const node of nodes) {
      const fn = byKey.get(functionKey(node.domain, node.opType, node.overload));
      if (fn && !reached.has(fn)) {
        reached.add(fn);
        waiting.push(fn.nodes);
      }
      for (const body of subgraphsOf(node)) waiting.push(body.nodes);
    }
  }
  const gone = model.functions.filter((fn) => !reached.has(fn));
  if (gone.length === 0) return 0;
  model.functions = model.functions.filter((fn) => reached.has(fn));
  removeImports(model, new Set(gone.map(({ domain = "" }) => domain)));
  return gone.length;
}

/** Removes imports of domains that contained only removed functions. */
function removeImports(model: Model, domains: ReadonlySet<string>): void {
  const used = new Set([
    "",
    ...model.functions.flatMap(({ domain, opsetImports }) => [
      standardDomain(domain),
      ...opsetImports.map((each) => standardDomain(each.domain)),
    ]),
  ]);
  for (const node of allNodes(model)) used.add(standardDomain(node.domain));
  model.opsetImports = model.opsetImports.filter(
    ({ domain }) => used.has(standardDomain(domain)) || !domains.has(domain ?? ""),
  );
}
