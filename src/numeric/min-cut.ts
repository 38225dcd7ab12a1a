/**
 * The cheapest way to tell the nodes of a network into two sides. Whether each of many parts is to be done one way or
 * the other, where neighbours that are done differently cost something on top, is such a cut (project selection: Picard,
 * "Maximal closure of a graph", Management Science 1976).
 * Maximum flow by Dinic's method: breadth-first levels, then blocking flows along them.
 */
export const SOURCE = 0;
export const SINK = 1;

/** Flow below this share of the largest finite capacity is rounding of floating point. */
const ROUNDING = 1e-12;

export class CutNetwork {
  /** Of the edge and, behind it, of the one back. */
  private readonly heads: number[] = [];
  private readonly room: number[] = [];
  private readonly edges: number[][] = [[], []];
  private largest = 0;

  /** A node, to be named in edges. */
  node(): number {
    return this.edges.push([]) - 1;
  }

  /** What it costs to have `from` on the source's side and `to` on the sink's; Infinity forbids it. */
  edge(from: number, to: number, capacity: number): void {
    if (!(capacity > 0)) return;
    if (capacity !== Infinity) this.largest = Math.max(this.largest, capacity);
    this.edges[from]!.push(this.heads.push(to) - 1);
    this.room.push(capacity);
    this.edges[to]!.push(this.heads.push(from) - 1);
    this.room.push(0);
  }

  /**
   * Whether each node is on the sink's side of a cheapest cut: of equally cheap ones that with the fewest such nodes.
   * There must be no way of infinite edges from the source to the sink.
   */
  sinkSide(): boolean[] {
    const least = ROUNDING * this.largest;
    for (let levels = this.levels(SOURCE, least); levels[SINK] !== -1; levels = this.levels(SOURCE, least)) this.block(levels, least);
    return this.reachesSink(least);
  }

  /** Steps from the start along edges with room; -1 for what is not reached. */
  private levels(start: number, least: number): Int32Array {
    const levels = new Int32Array(this.edges.length).fill(-1);
    levels[start] = 0;
    const queue = [start];
    for (let at = 0; at < queue.length; at++) {
      for (const edge of this.edges[queue[at]!]!) {
        const next = this.heads[edge]!;
        if (levels[next] !== -1 || this.room[edge]! <= least) continue;
        levels[next] = levels[queue[at]!]! + 1;
        queue.push(next);
      }
    }
    return levels;
  }

  /** Fills ways from the source to the sink that go up by one level each step, until there are none. */
  private block(levels: Int32Array, least: number): void {
    const tried = new Int32Array(this.edges.length);
    const way: number[] = [];
    for (let node = SOURCE; ;) {
      if (node === SINK) {
        const flow = way.reduce((most, edge) => Math.min(most, this.room[edge]!), Infinity);
        for (const edge of way) this.push(edge, flow);
        way.length = 0;
        node = SOURCE;
        continue;
      }
      const edge = this.edges[node]![tried[node]!];
      if (edge === undefined) {
        if (node === SOURCE) return;
        const back = way.pop()!;
        node = this.heads[back ^ 1]!;
        tried[node]!++;
      } else if (this.room[edge]! > least && levels[this.heads[edge]!] === levels[node]! + 1) {
        way.push(edge);
        node = this.heads[edge]!;
      } else tried[node]!++;
    }
  }

  private push(edge: number, flow: number): void {
    this.room[edge]! -= flow;
    this.room[edge ^ 1]! += flow;
  }

  /** Nodes from which the sink can be reached along edges with room. */
  private reachesSink(least: number): boolean[] {
    const reaches = this.edges.map(() => false);
    reaches[SINK] = true;
    const queue = [SINK];
    for (let at = 0; at < queue.length; at++) {
      for (const edge of this.edges[queue[at]!]!) {
        const before = this.heads[edge]!;
        if (reaches[before] || this.room[edge ^ 1]! <= least) continue;
        reaches[before] = true;
        queue.push(before);
      }
    }
    return reaches;
  }
}
