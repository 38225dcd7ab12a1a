/**
 * Minimum cut: the cheapest division of a network's nodes into two sides. Choosing between two ways for each of
 * many parts, with a cost for neighbours that differ, is such a cut (project selection: Picard, "Maximal
 * closure of a graph", Management Science 1976).
 */
import { Preflow } from "./preflow.js";

export const SOURCE = 0;
export const SINK = 1;

/** Flow below this share of the largest finite capacity is a rounding error. */
const ROUNDING = 1e-12;

export class CutNetwork {
  private nodes = 2;
  /** Of each edge, followed by its reverse edge. */
  private readonly heads: number[] = [];
  private readonly capacities: number[] = [];
  private largest = 0;
  /** The sum of the finite capacities; no cheapest cut costs more. */
  private total = 0;

  /** Adds a node, for use in edges. */
  node(): number {
    return this.nodes++;
  }

  /** The cost of `from` on the source's side with `to` on the sink's; Infinity forbids it. */
  edge(from: number, to: number, capacity: number): void {
    if (!(capacity > 0)) return;
    if (capacity !== Infinity) {
      this.largest = Math.max(this.largest, capacity);
      this.total += capacity;
    }
    this.heads.push(to, from);
    this.capacities.push(capacity, 0);
  }

  /**
   * For each node, whether it is on the sink's side of a cheapest cut; of equally cheap cuts, the one with the
   * fewest such nodes. There must be no path of infinite edges from the source to the sink.
   * @param mostWork edges to visit before giving up and returning undefined; about 5 · 10⁷ take a second. Most
   * networks need about ten visits per edge; in the worst case, work grows with the cube of the number of
   * nodes.
   */
  sinkSide(mostWork = Infinity): boolean[] | undefined {
    // A finite capacity above the total flow is equivalent to infinity, and allows arithmetic.
    const room = new Float64Array(this.capacities.length);
    for (let arc = 0; arc < room.length; arc++) room[arc] = Math.min(this.capacities[arc]!, 2 * this.total);
    return new Preflow(
      { nodes: this.nodes, heads: this.heads, room, least: ROUNDING * this.largest },
      SOURCE,
      SINK,
    ).reachesSink(mostWork);
  }
}
