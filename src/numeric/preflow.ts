/**
 * Maximum preflow by push-relabel (Goldberg, Tarjan, "A new approach to the maximum-flow problem", Journal
 * of the ACM 1988). All that a node gets waits there as its excess and goes on towards the sink, each node
 * knowing a lower bound of its distance. Bounds are made exact again once as much work has been done as
 * that takes (Cherkassky, Goldberg, "On implementing the push-relabel method", Algorithmica 1997). What
 * cannot get to the sink stays where it is: for a cut that is as good as a flow. A long chain takes one
 * walk along it, where augmenting paths take one for each distance.
 */
export interface Arcs {
  readonly nodes: number;
  /** Where each arc leads. Arc a ^ 1 is the way back of arc a. */
  readonly heads: readonly number[];
  /** What more each arc can take, all finite; changed in place. */
  readonly room: Float64Array;
  /** Amounts up to this are rounding of floating point. */
  readonly least: number;
}

export class Preflow {
  private readonly excess: Float64Array;
  /** Steps to the sink along arcs with room, or fewer; the number of nodes where there is no way. */
  private readonly distance: Int32Array;
  /** Arcs by the node that they leave: those of node k are leaving[first[k]] to leaving[first[k + 1] - 1]. */
  private readonly first: Int32Array;
  private readonly leaving: Int32Array;
  /** Of each node's arcs, the first that has not been tried at its distance. */
  private readonly current: Int32Array;
  /** Nodes with excess that may get to the sink, in a ring. */
  private readonly queue: Int32Array;
  private readonly isQueued: Uint8Array;
  private front = 0;
  private waiting = 0;
  /** Arcs looked at. */
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
   * Nodes from which the sink can be reached along arcs with room: the sink's side of a cheapest cut.
   * @param mostWork arcs to look at before giving up, which is answered with undefined
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

  /** Sends a node's excess on until it has none or there is no way to the sink. */
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

  /** One step farther than the nearest node that there is room to. */
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

  /** Makes all distances exact, breadth first from the sink; what waits where there is no way is given up. */
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
