/**
 * Cuts a model that would compute more tensors than fit in memory. Each segment runs on the results of the
 * segments before it, so that a sample goes through the model once, however much is measured.
 */
import { capturedNames, type Graph, type Node } from "../ir/index.js";

export interface Segment {
  /** What is measured here. */
  readonly computed: readonly string[];
  /** What later segments need from this one or an earlier one. Inputs and constants are always available. */
  readonly keep: readonly string[];
}

/** A name's place among the nodes, and the last one that reads it. */
interface Life {
  readonly made: number;
  last: number;
}

/** The part of a model that one round runs. */
export interface RoundPart {
  readonly segments: readonly Segment[];
  /** What later rounds need of this one or an earlier one, inputs of the model included. */
  readonly boundary: readonly string[];
}

/**
 * Segments in the order of the graph. Cuts prefer measured tensors, which are outputs anyway: a cut through
 * another tensor prevents the runtime from fusing nodes there.
 * @param bytes of the tensors to measure; all are made by nodes of the graph
 * @param most bytes of a segment; one tensor may have more
 */
export function planSegments(graph: Graph, bytes: ReadonlyMap<string, number>, most: number): Segment[] {
  const plan = new SegmentPlan(graph, bytes, most, [new Set(bytes.keys())]);
  return plan.segmentsOf(0);
}

/**
 * Each round runs the nodes behind those of the round before it, so that all of them together run each node once.
 * @param rounds what each round measures, in the order of the graph; inputs too
 */
export function planRoundParts(
  graph: Graph,
  bytes: ReadonlyMap<string, number>,
  most: number,
  rounds: readonly ReadonlySet<string>[],
): RoundPart[] {
  const plan = new SegmentPlan(graph, bytes, most, rounds);
  return rounds.map((_, round) => ({
    segments: plan.segmentsOf(round),
    boundary: round === rounds.length - 1 ? [] : plan.boundaryAfter(round),
  }));
}

class SegmentPlan {
  private readonly nodes: readonly Node[];
  private readonly lives: ReadonlyMap<string, Life>;
  /** The first and the last round that measures a tensor. */
  private readonly firstRound = new Map<string, number>();
  private readonly lastRound = new Map<string, number>();
  private readonly cuts: Cuts;
  /** Measured tensors that depend on no input. */
  private readonly fixed: ReadonlySet<string>;

  constructor(
    private readonly graph: Graph,
    private readonly bytes: ReadonlyMap<string, number>,
    most: number,
    private readonly rounds: readonly ReadonlySet<string>[],
  ) {
    for (const [round, names] of rounds.entries())
      for (const name of names) {
        if (!this.firstRound.has(name)) this.firstRound.set(name, round);
        this.lastRound.set(name, round);
      }
    this.nodes = neededNodes(graph, bytes);
    this.lives = livesOf(this.nodes);
    this.cuts = chooseCuts(this.nodes, this.lives, bytes, most, this.firstRound, rounds.length);
    const fixed = new Set(bytes.keys());
    for (const { outputs } of this.nodes) for (const name of outputs) fixed.delete(name);
    this.fixed = fixed;
  }

  segmentsOf(round: number): Segment[] {
    const [start, end] = [this.startOf(round), this.startOf(round + 1)];
    const inside = this.cuts.all.filter((cut) => cut > start && cut < end);
    const starts = start < end ? [start, ...inside] : [];
    const fixed = [...this.fixed].filter((name) => this.rounds[round]!.has(name));
    const segments = starts.map((from, k) => {
      const to = starts[k + 1] ?? end;
      const made = this.nodes.slice(from, to).flatMap(({ outputs }) => outputs);
      const computed = made.filter((name) => this.bytes.has(name));
      return { computed: k === 0 ? [...fixed, ...computed] : computed, keep: this.aliveAt(to) };
    });
    return segments.length === 0 && fixed.length > 0
      ? [{ computed: fixed, keep: this.aliveAt(end) }]
      : segments;
  }

  boundaryAfter(round: number): string[] {
    const at = this.startOf(round + 1);
    const later = new Set(this.nodes.slice(at).flatMap(readBy));
    const inputs = this.graph.inputs.map(({ name }) => name);
    const needed = inputs.filter((name) => later.has(name) || (this.lastRound.get(name) ?? 0) > round);
    return [...new Set([...needed, ...this.aliveAt(at)])];
  }

  private startOf(round: number): number {
    return round === 0 ? 0 : (this.cuts.ofRounds[round - 1] ?? this.nodes.length);
  }

  /** What nodes before a position make for those behind it, and for rounds that measure it then. */
  private aliveAt(position: number): string[] {
    return [...this.lives].flatMap(([name, { made, last }]) => {
      if (made >= position) return [];
      const isMeasuredLater = this.startOf(this.lastRound.get(name) ?? 0) >= position;
      return last >= position || isMeasuredLater ? [name] : [];
    });
  }
}

/**
 * The nodes that the measured tensors need and that depend on an input, in order. The others are computed in
 * each segment that needs them, and those that are measured in the first: they are folded at load.
 */
export function neededNodes(
  { nodes, inputs }: Graph,
  names: ReadonlyMap<string, unknown> | ReadonlySet<string>,
): Node[] {
  const fed = new Set(inputs.map(({ name }) => name));
  const dependent = nodes.filter((node) => {
    const depends = readBy(node).some((name) => fed.has(name));
    if (depends) for (const output of node.outputs) fed.add(output);
    return depends;
  });
  const wanted = new Set(names.keys());
  const kept = dependent.reverse().filter((node) => {
    const isKept = node.outputs.some((output) => output !== "" && wanted.has(output));
    if (isKept) for (const name of readBy(node)) wanted.add(name);
    return isKept;
  });
  return kept.reverse();
}

function readBy(node: Node): string[] {
  return [...node.inputs, ...capturedNames(node)].filter((name) => name !== "");
}

export function livesOf(nodes: readonly Node[]): Map<string, Life> {
  const lives = new Map<string, Life>();
  for (const [at, node] of nodes.entries()) {
    for (const name of readBy(node)) {
      const life = lives.get(name);
      if (life) life.last = at;
    }
    for (const name of node.outputs) if (name !== "") lives.set(name, { made: at, last: at });
  }
  return lives;
}

/** Positions before which to cut. */
interface Cuts {
  readonly all: readonly number[];
  /** Where each round but the first begins. */
  readonly ofRounds: readonly number[];
}

function chooseCuts(
  nodes: readonly Node[],
  lives: ReadonlyMap<string, Life>,
  bytes: ReadonlyMap<string, number>,
  most: number,
  roundOf: ReadonlyMap<string, number>,
  rounds: number,
): Cuts {
  const cost = costsOfCuts(nodes.length, lives, bytes);
  const sizes = nodes.map(({ outputs }) => outputs.reduce((sum, name) => sum + (bytes.get(name) ?? 0), 0));
  const all: number[] = [];
  const ofRounds: number[] = [];
  let start = 0;
  let measured = 0;
  for (let at = 0, sum = 0; at < nodes.length; at++) {
    const own = nodes[at]!.outputs.flatMap((name) => roundOf.get(name) ?? []);
    if (own.length > 0 && Math.min(...own) > ofRounds.length) {
      const cut = cheapest(cost, measured, at);
      while (ofRounds.length < Math.min(...own)) ofRounds.push(cut);
      all.push((start = cut));
      sum = 0;
    }
    if (own.length > 0) measured = at + 1;
    while (sum > 0 && sum + sizes[at]! > most) {
      start = cheapest(cost, latestHalf(sizes, start, at), at);
      all.push(start);
      sum = sizes.slice(start, at).reduce((total, size) => total + size, 0);
    }
    sum += sizes[at]!;
  }
  while (ofRounds.length < rounds - 1) ofRounds.push(nodes.length);
  return { all, ofRounds };
}

/** The first position after which no more than half of what lies from `start` to `at` is measured. */
function latestHalf(sizes: readonly number[], start: number, at: number): number {
  const half = sizes.slice(start, at).reduce((sum, size) => sum + size, 0) / 2;
  let position = at;
  for (let after = 0; position > start + 1 && after + sizes[position - 1]! <= half; position--)
    after += sizes[position - 1]!;
  return position;
}

function cheapest(cost: Float64Array, from: number, to: number): number {
  let best = to;
  for (let at = to; at >= from; at--) if (cost[at]! < cost[best]!) best = at;
  return best;
}

/** Cutting a tensor that is not measured costs more than cutting measured ones of any size. */
function costsOfCuts(
  count: number,
  lives: ReadonlyMap<string, Life>,
  bytes: ReadonlyMap<string, number>,
): Float64Array {
  const costs = new Float64Array(count + 2);
  for (const [name, { made, last }] of lives) {
    const cost = bytes.get(name) ?? 2 ** 40;
    costs[made + 1]! += cost;
    costs[last + 1]! -= cost;
  }
  for (let at = 1; at < costs.length; at++) costs[at]! += costs[at - 1]!;
  return costs;
}
