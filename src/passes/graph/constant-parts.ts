/**
 * Divides nodes that compute constants into parts that share no source with each other (union-find, Tarjan
 * 1975).
 */
import type { Node, Tensor } from "../../ir/index.js";

export interface ConstantPart {
  /** Nodes whose results other nodes read. */
  readonly ends: Node[];
  /** These nodes and the ones that they depend on. */
  readonly nodes: Node[];
}

/**
 * @param sourceOf the node in `nodes` or the constant that produces a value; undefined if it does not connect
 * its readers
 */
export function partsOf(
  nodes: readonly Node[],
  ends: readonly Node[],
  sourceOf: (name: string) => Node | Tensor | undefined,
): ConstantPart[] {
  const leaders = new Map<Node | Tensor, Node | Tensor>();
  const leaderOf = (item: Node | Tensor): Node | Tensor => {
    let leader = item;
    for (let next = leaders.get(leader); next !== undefined; next = leaders.get(leader)) leader = next;
    if (leader !== item) leaders.set(item, leader);
    return leader;
  };
  for (const node of nodes) {
    for (const name of node.inputs) {
      const source = sourceOf(name);
      if (source === undefined) continue;
      const [a, b] = [leaderOf(node), leaderOf(source)];
      if (a !== b) leaders.set(a, b);
    }
  }
  const parts = new Map<Node | Tensor, ConstantPart>();
  for (const node of nodes) {
    const leader = leaderOf(node);
    const part = parts.get(leader) ?? { ends: [], nodes: [] };
    parts.set(leader, part);
    part.nodes.push(node);
  }
  for (const node of ends) parts.get(leaderOf(node))?.ends.push(node);
  return [...parts.values()].filter((part) => part.ends.length > 0);
}
