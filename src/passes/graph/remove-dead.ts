/**
 * Removes what no output depends on: nodes, initializers, outputs that operators may leave out, declarations of values
 * that nothing makes, and functions that nothing calls. In bodies too.
 *
 * Stays: graph inputs, and initializers that are their defaults; nodes of other operator sets without any output, which
 * may be there for what they do; sparse initializers, whose names are not decoded.
 */
import { functionKey, isOp, isStandard, subgraphsOf } from "../../ir/index.js";
import type { FunctionDef, Graph, Model, Node } from "../../ir/index.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

interface Removed { nodes: number; initializers: number; declarations: number; outputs: number; functions: number }

/** Operators whose further outputs are optional; without their names the kernels do not compute them. */
const OPTIONAL_OUTPUTS = ["Dropout", "GRU", "LSTM", "LayerNormalization", "MaxPool", "RNN"] as const;

export const removeDead = definePass<Record<string, never>>({
  name: "remove-dead",
  description: "removes nodes, constants and functions that no output depends on",
  lossy: false,
  defaults: {},
  run(model) {
    const removed: Removed = { nodes: 0, initializers: 0, declarations: 0, outputs: 0, functions: 0 };
    sweep(model.graph, removed);
    removed.functions = removeFunctions(model);
    return exactResult({ ...removed });
  },
});

/** Removes what is dead in the graph and returns the names that it takes from outside. */
function sweep(graph: Graph, removed: Removed): Set<string> {
  const needed = new Set(graph.outputs.map((output) => output.name));
  const alive: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!isNeeded(node, needed)) {
      removed.nodes++;
      continue;
    }
    alive.push(node);
    removed.outputs += dropUnusedOutputs(node, needed);
    for (const input of node.inputs) needed.add(input);
    for (const body of subgraphsOf(node)) for (const name of sweep(body, removed)) needed.add(name);
  }
  if (alive.length < graph.nodes.length) graph.nodes = alive.reverse();
  removeConstants(graph, needed, removed);
  return removeDeclarations(graph, needed, removed);
}

function isNeeded(node: Node, needed: ReadonlySet<string>): boolean {
  const outputs = node.outputs.filter((name) => name !== "");
  return outputs.some((name) => needed.has(name)) || (outputs.length === 0 && !isStandard(node));
}

function dropUnusedOutputs(node: Node, needed: ReadonlySet<string>): number {
  const before = node.outputs.length;
  if (!isOp(node, ...OPTIONAL_OUTPUTS)) return 0;
  while (node.outputs.length > 1 && !needed.has(node.outputs.at(-1) ?? "")) node.outputs.pop();
  return before - node.outputs.length;
}

function removeConstants(graph: Graph, needed: ReadonlySet<string>, removed: Removed): void {
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const kept = graph.initializers.filter(({ name = "" }) => needed.has(name) || inputs.has(name));
  removed.initializers += graph.initializers.length - kept.length;
  if (kept.length < graph.initializers.length) graph.initializers = kept;
}

/** Drops declarations of values that this graph does not make; returns the needed names that it does not make either. */
function removeDeclarations(graph: Graph, needed: ReadonlySet<string>, removed: Removed): Set<string> {
  const bound = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.map(({ name = "" }) => name), ...graph.nodes.flatMap((node) => node.outputs)]);
  if (graph.sparseInitializers.length === 0) {
    const kept = graph.valueInfo.filter((value) => bound.has(value.name));
    removed.declarations += graph.valueInfo.length - kept.length;
    if (kept.length < graph.valueInfo.length) graph.valueInfo = kept;
  }
  return new Set([...needed].filter((name) => name !== "" && !bound.has(name)));
}

/** Removes functions that neither the graph nor a function that stays calls. */
function removeFunctions(model: Model): number {
  const byKey = new Map(model.functions.map((fn) => [functionKey(fn.domain, fn.name, fn.overload), fn]));
  const reached = new Set<FunctionDef>();
  // A list of its own in place of recursion: functions of a hostile file may be nested without end.
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
  const count = model.functions.length - reached.size;
  if (count > 0) model.functions = model.functions.filter((fn) => reached.has(fn));
  return count;
}
