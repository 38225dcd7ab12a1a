/** Describes nodes and operator types with their weights and costs. */
import { domainName, nodeLabel, type Node } from "../ir/index.js";
import type { Costs } from "./costs.js";
import type { InspectedNode, InspectedOperator } from "./inspection.js";
import type { NodeScope } from "./scopes.js";
import type { FoundWeight } from "./weights.js";

/** In file order, scope by scope. */
export function describeNodes(
  scopes: readonly NodeScope[],
  weights: readonly FoundWeight[],
  costs: Costs,
): InspectedNode[] {
  const held = new Map<Node, { parameters: number; bytes: number }>();
  for (const { node, weight } of weights) {
    if (!node) continue;
    const before = held.get(node) ?? { parameters: 0, bytes: 0 };
    held.set(node, { parameters: before.parameters + weight.elements, bytes: before.bytes + weight.bytes });
  }
  return scopes.flatMap(({ nodes, path }) =>
    nodes.map((node) => {
      // Nodes of functions count with their calls, and Constant nodes with their users.
      const cost = costs.nodes.get(node) ?? { macs: 0, activationBytes: 0, shape: null };
      return {
        name: nodeLabel(node),
        opType: node.opType,
        domain: domainName(node.domain),
        scope: path,
        ...(held.get(node) ?? { parameters: 0, bytes: 0 }),
        ...cost,
      };
    }),
  );
}

/** Sorted by size, largest first. */
export function describeOperators(nodes: readonly InspectedNode[]): InspectedOperator[] {
  const found = new Map<string, { -readonly [K in keyof InspectedOperator]: InspectedOperator[K] }>();
  for (const { opType, domain, parameters, bytes, macs, activationBytes } of nodes) {
    const key = `${domain}\n${opType}`;
    const entry = found.get(key) ?? {
      opType,
      domain,
      count: 0,
      parameters: 0,
      bytes: 0,
      macs: 0,
      unknownMacs: 0,
      activationBytes: 0,
    };
    entry.count++;
    entry.parameters += parameters;
    entry.bytes += bytes;
    entry.macs += macs ?? 0;
    if (macs === null) entry.unknownMacs++;
    entry.activationBytes += activationBytes ?? 0;
    found.set(key, entry);
  }
  return [...found.values()].sort(
    (a, b) => b.bytes - a.bytes || b.count - a.count || (a.opType < b.opType ? -1 : 1),
  );
}
