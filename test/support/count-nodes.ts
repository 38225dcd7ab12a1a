import { type Graph, nestedGraphs } from "../../src/ir/index.js";

/** The number of nodes in a graph and its bodies. */
export function countNodes(graph: Graph): number {
  return [...nestedGraphs(graph)].reduce((sum, { nodes }) => sum + nodes.length, 0);
}
