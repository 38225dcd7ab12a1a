/**
 * Where a quantized model can be cut without changing any result: behind QuantizeLinear. Both sides then run the same
 * integer kernels as the whole model, while a cut through floats can part what the runtime would fuse.
 */
import { isOp, type Graph, type Node } from "../ir/index.js";
import { livesOf, neededNodes } from "./segments.js";

/**
 * The values at the last such cut before the nodes that make `now`, with all that `now` and `later` need from before
 * it. Undefined if there is none behind the inputs.
 */
export function exactBoundary(
  graph: Graph,
  now: readonly string[],
  later: readonly string[],
): string[] | undefined {
  const nodes = neededNodes(graph, new Set([...now, ...later]));
  const lives = [...livesOf(nodes)];
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const wanted = new Set(now);
  const first = nodes.findIndex(({ outputs }) => outputs.some((name) => wanted.has(name)));
  for (let position = first; position > 0; position--) {
    const node = nodes[position - 1]!;
    if (!isOp(node, "QuantizeLinear", "DequantizeLinear")) continue;
    const alive = lives.flatMap(([name, { made, last }]) =>
      made < position && last >= position ? [name] : [],
    );
    const codes = new Set(alive.map((name) => codesOf(name, makers, inputs)));
    const isExact = [...codes].every((name) => inputs.has(name) || isOp(makers.get(name)!, "QuantizeLinear"));
    if (!isExact) continue;
    const read = new Set(nodes.slice(position).flatMap((each) => each.inputs));
    for (const name of inputs) if (read.has(name)) codes.add(name);
    return [...codes].some((name) => !inputs.has(name)) ? [...codes] : undefined;
  }
  return undefined;
}

/** What a value is dequantized from, which then happens behind the cut; otherwise the value itself. */
function codesOf(name: string, makers: ReadonlyMap<string, Node>, inputs: ReadonlySet<string>): string {
  const maker = makers.get(name);
  const [codes] = maker && isOp(maker, "DequantizeLinear") ? maker.inputs : [];
  return codes !== undefined && (makers.has(codes) || inputs.has(codes)) ? codes : name;
}
