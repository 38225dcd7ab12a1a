/**
 * Tracks the positions of nodes in their graph while nodes are inserted and removed. Every node has a rank that
 * increases along the list, so that its position is found by bisection; a node inserted between two gets a rank
 * between theirs (order maintenance, Dietz & Sleator 1987, with floating-point labels). The graph's list is
 * authoritative: if it was changed elsewhere, ranks are reassigned.
 */
import type { Graph, Node } from "./graph.js";

/** Up to this fraction of the list is removed one by one; for more, one walk over the list is faster. */
const FEW = 1 / 16;

export class NodeOrder {
  private readonly ranks = new Map<Node, number>();

  constructor(private readonly graph: Graph) {}

  /** The index in the graph's list, or -1. O(log n), except for the first call and after edits made elsewhere. */
  indexOf(node: Node): number {
    const at = this.bisect(node);
    if (at >= 0) return at;
    this.rankAll();
    return this.bisect(node);
  }

  /** Inserts nodes before the one at `at`. */
  insert(at: number, nodes: readonly Node[]): void {
    const { nodes: list } = this.graph;
    list.splice(at, 0, ...nodes);
    const begin = at < 0 ? list.length - nodes.length + at : at;
    const before = this.rankAt(begin - 1, -1);
    const after = this.rankAt(begin + nodes.length, (before ?? 0) + nodes.length + 1);
    if (before === undefined || after === undefined) return;
    // At the front, there is room below; in between, they share the gap. Without a gap, the next search
    // reassigns all ranks.
    const from = begin === 0 ? after - nodes.length - 1 : before;
    nodes.forEach((node, k) => this.ranks.set(node, from + ((k + 1) * (after - from)) / (nodes.length + 1)));
  }

  /** Removes nodes that are in the list. The list may be replaced by a new one. */
  remove(nodes: ReadonlySet<Node>): void {
    const { graph } = this;
    if (nodes.size > FEW * graph.nodes.length) graph.nodes = graph.nodes.filter((node) => !nodes.has(node));
    else for (const node of nodes) this.removeOne(node);
    for (const node of nodes) this.ranks.delete(node);
  }

  private removeOne(node: Node): void {
    const at = this.indexOf(node);
    if (at >= 0) this.graph.nodes.splice(at, 1);
  }

  /** The position with the node's rank, if the node is there. */
  private bisect(node: Node): number {
    const { nodes } = this.graph;
    const rank = this.ranks.get(node);
    if (rank === undefined) return -1;
    let low = 0;
    let high = nodes.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.ranks.get(nodes[middle]!) ?? -Infinity) < rank) low = middle + 1;
      else high = middle;
    }
    return nodes[low] === node ? low : -1;
  }

  private rankAll(): void {
    this.ranks.clear();
    this.graph.nodes.forEach((node, at) => this.ranks.set(node, at));
  }

  /** `beyond` outside the list; undefined for a node without a rank. */
  private rankAt(at: number, beyond: number): number | undefined {
    const node = this.graph.nodes[at];
    return node ? this.ranks.get(node) : beyond;
  }
}
