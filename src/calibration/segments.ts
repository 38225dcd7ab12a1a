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

/**
 * Segments in the order of the graph. Cuts prefer measured tensors, which are outputs anyway: a cut through
 * another tensor prevents the runtime from fusing nodes there.
 * @param bytes of the tensors to measure; all are made by nodes of the graph
 * @param most bytes of a segment; one tensor may have more
 */
export function planSegments(graph: Graph, bytes: ReadonlyMap<string, number>, most: number): Segment[] {
  const nodes = neededNodes(graph, bytes);
  const lives = livesOf(nodes);
  const cuts = chooseCuts(nodes, lives, bytes, most);
  const fixed = new Set(bytes.keys());
  for (const { outputs } of nodes) for (const name of outputs) fixed.delete(name);
  return [...cuts, nodes.length].map((to, k) => {
    const from = k === 0 ? 0 : cuts[k - 1]!;
    const made = nodes.slice(from, to).flatMap(({ outputs }) => outputs.filter((name) => bytes.has(name)));
    return {
      computed: k === 0 ? [...fixed, ...made] : made,
      keep: [...lives].flatMap(([name, { made, last }]) => (made < to && last >= to ? [name] : [])),
    };
  });
}

/**
 * The nodes that the measured tensors need and that depend on an input, in order. The others are computed in
 * each segment that needs them, and those that are measured in the first: they are folded at load.
 */
function neededNodes({ nodes, inputs }: Graph, names: ReadonlyMap<string, unknown>): Node[] {
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

function livesOf(nodes: readonly Node[]): Map<string, Life> {
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
function chooseCuts(
  nodes: readonly Node[],
  lives: ReadonlyMap<string, Life>,
  bytes: ReadonlyMap<string, number>,
  most: number,
): number[] {
  const cost = costsOfCuts(nodes.length, lives, bytes);
  const sizes = nodes.map(({ outputs }) => outputs.reduce((sum, name) => sum + (bytes.get(name) ?? 0), 0));
  const cuts: number[] = [];
  let start = 0;
  for (let at = 0, sum = 0; at < nodes.length; at++) {
    while (sum > 0 && sum + sizes[at]! > most) {
      start = cheapest(cost, latestHalf(sizes, start, at), at);
      cuts.push(start);
      sum = sizes.slice(start, at).reduce((total, size) => total + size, 0);
    }
    sum += sizes[at]!;
  }
  return cuts;
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
