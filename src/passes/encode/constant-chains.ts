/** Finds the decoding chains of a graph: the nodes that make a constant, their constants, and their memory. */
import { functionKey, isStandard, type GraphEditor, type Model, type Node } from "../../ir/index.js";
import { CallBodies } from "../graph/call-bodies.js";
import { CHAIN_OPERATORS, chainCost, type ChainConstant, type ChainCost } from "./decode-cost.js";

export interface ConstantChain {
  /** Nodes of the graph, calls of functions among them, in order; the last makes the constant. */
  readonly nodes: readonly Node[];
  /** The same with calls expanded. */
  readonly expanded: readonly Node[];
  readonly cost: ChainCost;
}

/** The chains of one graph, in order of their last nodes. A node that two chains need is in the first. */
export function constantChains(model: Model, editor: GraphEditor): ConstantChain[] {
  const calls = new CallBodies(model);
  const own = new Set(model.functions.map((fn) => functionKey(fn.domain, fn.name, fn.overload)));
  const chains: ConstantChain[] = [];
  const makers = new Map<string, Node>();
  const taken = new Set<Node>();
  const constantOf = (name: string): ChainConstant | undefined => {
    const tensor = editor.constant(name);
    return tensor && { ...tensor, tensor: () => tensor };
  };
  const isConstant = (name: string): boolean => makers.has(name) || editor.constant(name) !== undefined;
  const bodyOf = (node: Node): readonly Node[] | undefined =>
    own.has(functionKey(node.domain, node.opType, node.overload)) ? calls.of(node, editor) : undefined;
  for (const node of editor.graph.nodes) {
    const body = bodyOf(node) ?? [node];
    const decodes = body.every((each) => isStandard(each) && CHAIN_OPERATORS.has(each.opType));
    if (!decodes || !node.inputs.every(isConstant)) continue;
    for (const name of node.outputs) makers.set(name, node);
  }
  for (const node of new Set(makers.values())) {
    const users = node.outputs.flatMap((name) => editor.consumers(name));
    if (users.length > 0 && users.every(({ outputs }) => makers.get(outputs[0] ?? "") !== undefined))
      continue;
    const nodes = needed(node, makers, taken, editor);
    const expanded = nodes.flatMap((each) => bodyOf(each) ?? [each]);
    const cost = chainCost(expanded, constantOf);
    if (cost) chains.push({ nodes, expanded, cost });
  }
  return chains;
}

/** The node with everything it depends on that no earlier chain has, in the order of the graph. */
function needed(end: Node, makers: ReadonlyMap<string, Node>, taken: Set<Node>, editor: GraphEditor): Node[] {
  const found: Node[] = [];
  const waiting = [end];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (taken.has(node)) continue;
    taken.add(node);
    found.push(node);
    waiting.push(...node.inputs.flatMap((name) => makers.get(name) ?? []));
  }
  return found.sort((a, b) => (a === b ? 0 : editor.isBefore(a, b) ? -1 : 1));
}
