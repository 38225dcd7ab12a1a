/**
 * Where nodes stand in their graph, kept up while nodes are put in and taken out. Every node has a rank
 * that grows along the list, so that its place is found by bisection; a node put between two takes a rank
 * between theirs (order maintenance, Dietz & Sleator 1987, with floating-point labels). The graph's list is
 * the truth: when someone else changed it, ranks are given anew.
 */
import type { Graph, Node } from "./graph.js";

/** Up to this share of the list is taken out one by one; walking all of it pays for more. */
const FEW = 1 / 16;

export class NodeOrder {
  private readonly ranks = new Map<Node, number>();

  constructor(private readonly graph: Graph) {}

  /**
   * The index in the graph's list, or -1. O(log n), but for the first call and after edits made elsewhere.
   */
  indexOf(node: Node): number {
    const at = this.bisect(node);
    if (at >= 0) return at;
    this.rankAll();
    return this.bisect(node);
  }

  /** Puts nodes in front of the one at `at`. */
  insert(at: number, nodes: readonly Node[]): void {
    const { nodes: list } = this.graph;
    list.splice(at, 0, ...nodes);
    const begin = at < 0 ? list.length - nodes.length + at : at;
    const before = this.rankAt(begin - 1, -1);
    const after = this.rankAt(begin + nodes.length, (before ?? 0) + nodes.length + 1);
    if (before === undefined || after === undefined) return;
    // At the front there is room below; in between they share the gap, and without one the next search
    // ranks all anew.
    const from = begin === 0 ? after - nodes.length - 1 : before;
    nodes.forEach((node, k) => this.ranks.set(node, from + ((k + 1) * (after - from)) / (nodes.length + 1)));
  }

  /** Takes nodes out; others are left alone. The list may then be another one. */
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

  /** The place whose rank is the node's, when the node stands there. */
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

  /** `beyond` outside the list; undefined for a node that has no rank. */
  private rankAt(at: number, beyond: number): number | undefined {
    const node = this.graph.nodes[at];
    return node ? this.ranks.get(node) : beyond;
  }
}
