/**
 * The cheapest way to tell the nodes of a network into two sides. Whether each of many parts is to be done
 * one way or the other, where neighbours that are done differently cost something on top, is such a cut
 * (project selection: Picard, "Maximal closure of a graph", Management Science 1976).
 */
import { Preflow } from "./preflow.js";

export const SOURCE = 0;
export const SINK = 1;

/** Flow below this share of the largest finite capacity is rounding of floating point. */
const ROUNDING = 1e-12;

export class CutNetwork {
  private nodes = 2;
  /** Of each edge and, behind it, of the one back. */
  private readonly heads: number[] = [];
  private readonly capacities: number[] = [];
  private largest = 0;
  /** Of the finite capacities: no cheapest cut costs more. */
  private total = 0;

  /** A node, to be named in edges. */
  node(): number {
    return this.nodes++;
  }

  /** What it costs to have `from` on the source's side and `to` on the sink's; Infinity forbids it. */
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
   * Whether each node is on the sink's side of a cheapest cut: of equally cheap ones that with the fewest
   * such nodes. There must be no way of infinite edges from the source to the sink.
   * @param mostWork edges to look at, some 5 · 10⁷ a second, before giving up, which is answered with
   *   undefined. Most networks take some ten looks at each edge; the worst take work that grows with the
   *   cube of their nodes.
   */
  sinkSide(mostWork = Infinity): boolean[] | undefined {
    // More than can flow is as good as infinite, and can be counted with.
    const room = new Float64Array(this.capacities.length);
    for (let arc = 0; arc < room.length; arc++) room[arc] = Math.min(this.capacities[arc]!, 2 * this.total);
    return new Preflow(
      { nodes: this.nodes, heads: this.heads, room, least: ROUNDING * this.largest },
      SOURCE,
      SINK,
    ).reachesSink(mostWork);
  }
}
