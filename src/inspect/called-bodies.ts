/**
 * Replaces calls of model-local functions by their bodies, so that types and shapes inside can be inferred.
 * For inspection only, not for running: the operator sets of functions are not reconciled with those of the
 * model.
 */
import { callBody, functionKey, subgraphsOf, withNested, type Model, type Node } from "../ir/index.js";

/** Most nodes that inlining may add; functions that call functions grow exponentially. */
const MAX_NODES = 50_000;
const MAX_LEVELS = 32;

/**
 * Inlines the calls in `model`'s graph and its bodies, in place, until they add 50,000 nodes; other calls
 * stay. Bodies keep no declarations. Returns the call that each new node comes from.
 */
export function expandCalls(model: Model): Map<Node, Node> {
  const functions = new Map(model.functions.map((fn) => [functionKey(fn.domain, fn.name, fn.overload), fn]));
  const origins = new Map<Node, Node>();
  let called = 0;
  const visit = (nodes: readonly Node[], level: number): Node[] =>
    nodes.flatMap((node) => {
      for (const body of subgraphsOf(node)) body.nodes = visit(body.nodes, level);
      const fn = functions.get(functionKey(node.domain, node.opType, node.overload));
      if (!fn || level >= MAX_LEVELS || origins.size + fn.nodes.length > MAX_NODES) return [node];
      const prefix = `${fn.name ?? ""}#${called++}/`;
      const inner = callBody(node, fn, (name) => prefix + name);
      for (const each of withNested(inner)) {
        origins.set(each, origins.get(node) ?? node);
        for (const body of subgraphsOf(each)) body.valueInfo = [];
      }
      return visit(inner, level + 1);
    });
  if (functions.size > 0) model.graph.nodes = visit(model.graph.nodes, 0);
  return origins;
}
