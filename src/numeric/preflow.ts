/**
 * Maximum preflow by push-relabel (Goldberg, Tarjan, "A new approach to the maximum-flow problem", Journal of
 * the ACM 1988). The flow into a node becomes its excess and is pushed towards the sink, guided by a lower
 * bound on each node's distance. Bounds are made exact again whenever as much work has been done as that takes
 * (Cherkassky, Goldberg, "On implementing the push-relabel method", Algorithmica 1997). Excess that cannot
 * reach the sink stays where it is, because a cut does not need a complete flow. A long chain takes one walk
 * along it, where augmenting paths take one per distance.
 */
export interface Arcs {
  readonly nodes: number;
  /** The target of each arc. Arc a ^ 1 is the reverse of arc a. */
  readonly heads: readonly number[];
  /** Residual capacity of each arc, all finite; changed in place. */
  readonly room: Float64Array;
  /** Amounts up to this are rounding errors. */
  readonly least: number;
}

export class Preflow {
  private readonly excess: Float64Array;
  /** Lower bound on the steps to the sink along residual arcs; the number of nodes if there is no path. */
  private readonly distance: Int32Array;
  /** Arcs by source node: those of node k are leaving[first[k]] to leaving[first[k + 1] - 1]. */
  private readonly first: Int32Array;
  private readonly leaving: Int32Array;
  /** For each node, its first arc not yet tried at its current distance. */
  private readonly current: Int32Array;
  /** Nodes with excess that may reach the sink, as a ring buffer. */
  private readonly queue: Int32Array;
  private readonly isQueued: Uint8Array;
  private front = 0;
  private waiting = 0;
  /** Arcs visited. */
  private work = 0;

  constructor(
    private readonly arcs: Arcs,
    private readonly source: number,
    private readonly sink: number,
  ) {
    const { nodes, heads } = arcs;
    this.excess = new Float64Array(nodes);
    this.distance = new Int32Array(nodes);
    this.first = new Int32Array(nodes + 1);
    this.leaving = new Int32Array(heads.length);
    this.current = new Int32Array(nodes);
    this.queue = new Int32Array(nodes);
    this.isQueued = new Uint8Array(nodes);
    for (let arc = 0; arc < heads.length; arc++) this.first[heads[arc ^ 1]! + 1]!++;
    for (let node = 0; node < nodes; node++) this.first[node + 1]! += this.first[node]!;
    const next = this.first.slice();
    for (let arc = 0; arc < heads.length; arc++) this.leaving[next[heads[arc ^ 1]!]!++] = arc;
  }

  /**
   * Nodes from which the sink can be reached along residual arcs: the sink's side of a cheapest cut.
   * @param mostWork arcs to visit before giving up and returning undefined
   */
  reachesSink(mostWork: number): boolean[] | undefined {
    const { nodes, heads, room } = this.arcs;
    for (let at = this.first[this.source]!; at < this.first[this.source + 1]!; at++)
      this.push(this.leaving[at]!, room[this.leaving[at]!]!);
    this.measure();
    for (let measured = this.work; this.waiting > 0;) {
      this.discharge(this.dequeue());
      if (this.work > mostWork) return undefined;
      if (this.work - measured <= heads.length) continue;
      this.measure();
      measured = this.work;
    }
    this.measure();
    const reaches: boolean[] = [];
    for (const steps of this.distance) reaches.push(steps < nodes);
    return reaches;
  }

  /** Pushes a node's excess until it has none or there is no path to the sink. */
  private discharge(node: number): void {
    const { nodes, heads, room, least } = this.arcs;
    while (this.excess[node]! > least && this.distance[node]! < nodes) {
      if (this.current[node] === this.first[node + 1]) {
        this.lift(node);
        continue;
      }
      const arc = this.leaving[this.current[node]!]!;
      this.work++;
      const isDown = room[arc]! > least && this.distance[heads[arc]!]! + 1 === this.distance[node]!;
      if (isDown) this.push(arc, Math.min(this.excess[node]!, room[arc]!));
      else this.current[node]!++;
    }
  }

  private push(arc: number, amount: number): void {
    const { heads, room, least } = this.arcs;
    const [from, to] = [heads[arc ^ 1]!, heads[arc]!];
    room[arc]! -= amount;
    room[arc ^ 1]! += amount;
    this.excess[from]! -= amount;
    this.excess[to]! += amount;
    if (this.excess[to]! > least) this.enqueue(to);
  }

  /** One step farther than the nearest node with a residual arc to it. */
  private lift(node: number): void {
    const { nodes, heads, room, least } = this.arcs;
    let nearest = nodes - 1;
    for (let at = this.first[node]!; at < this.first[node + 1]!; at++) {
      const arc = this.leaving[at]!;
      if (room[arc]! > least) nearest = Math.min(nearest, this.distance[heads[arc]!]!);
    }
    this.work += this.first[node + 1]! - this.first[node]!;
    this.distance[node] = nearest + 1;
    this.current[node] = this.first[node]!;
  }

  /**
   * Makes all distances exact by breadth-first search from the sink; excess that cannot reach the sink is
   * dropped.
   */
  private measure(): void {
    const { nodes, heads, room, least } = this.arcs;
    this.distance.fill(nodes);
    this.distance[this.sink] = 0;
    this.waiting = 0;
    this.isQueued.fill(0);
    const reached = new Int32Array(nodes);
    reached[0] = this.sink;
    for (let at = 0, count = 1; at < count; at++) {
      const node = reached[at]!;
      this.current[node] = this.first[node]!;
      for (let k = this.first[node]!; k < this.first[node + 1]!; k++) {
        const arc = this.leaving[k]!;
        const before = heads[arc]!;
        if (before === this.source || this.distance[before] !== nodes || room[arc ^ 1]! <= least) continue;
        this.distance[before] = this.distance[node]! + 1;
        reached[count++] = before;
        if (this.excess[before]! > least) this.enqueue(before);
      }
    }
    this.work += heads.length;
  }

  private enqueue(node: number): void {
    if (node === this.source || node === this.sink || this.isQueued[node] === 1) return;
    this.isQueued[node] = 1;
    this.queue[(this.front + this.waiting++) % this.queue.length] = node;
  }

  private dequeue(): number {
    const node = this.queue[this.front]!;
    this.front = (this.front + 1) % this.queue.length;
    this.waiting--;
    this.isQueued[node] = 0;
    return node;
  }
}
