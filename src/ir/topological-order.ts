/**
 * Sorts nodes topologically. Files need not be sorted, because onnxruntime sorts at load. All other code relies
 * on the order, so a model is sorted when it is read.
 */
import type { Model } from "./model.js";
import { capturedNames, nodeLists } from "./traverse.js";
import type { Node } from "./graph.js";

/** The sorted nodes, or a cycle in which each node uses an output of the next, and the last one of the first. */
type Ordering =
  { readonly nodes: readonly Node[]; readonly cycle?: undefined } | { readonly cycle: readonly Node[] };

/**
 * Depth-first search in the order of the list (Tarjan 1976): nodes keep their order as far as their inputs
 * allow. A list that is already sorted is returned itself. Captures by bodies count as uses by the node that
 * holds them.
 * @param isKnown whether a name exists independently of the nodes
 */
export function topologicalOrder(
  nodes: readonly Node[],
  isKnown: (name: string) => boolean = () => false,
): Ordering {
  const sources = sourcesOf(nodes, isKnown);
  if (sources.every((makers, at) => makers.every((maker) => maker < at))) return { nodes };
  const state = new Uint8Array(nodes.length);
  const order: Node[] = [];
  for (let root = 0; root < nodes.length; root++) {
    const cycle = visit(root, sources, state, (at) => order.push(nodes[at]!));
    if (cycle) return { cycle: cycle.map((at) => nodes[at]!) };
  }
  return { nodes: order };
}

/**
 * Sorts every list of nodes of the model: the graph, bodies and functions. Lists with a cycle stay as they
 * are.
 */
export function sortNodes(model: Model): void {
  for (const scope of nodeLists(model)) {
    const { nodes } = scope;
    const sorted = topologicalOrder(nodes);
    if (!sorted.cycle && sorted.nodes !== nodes) scope.nodes = [...sorted.nodes];
  }
}

/** For each node, the list positions of the nodes whose outputs it uses. */
function sourcesOf(nodes: readonly Node[], isKnown: (name: string) => boolean): number[][] {
  const makers = new Map<string, number>();
  nodes.forEach(({ outputs }, at) => {
    for (const name of outputs) if (name !== "" && !makers.has(name) && !isKnown(name)) makers.set(name, at);
  });
  return nodes.map((node) => {
    const hasBodies = node.attributes.some(({ g, graphs }) => g ?? graphs);
    const used = hasBodies ? [...node.inputs, ...capturedNames(node)] : node.inputs;
    return used.flatMap((name) => makers.get(name) ?? []);
  });
}

const ENTERED = 1;
const DONE = 2;

/**
 * Emits the nodes that `root` needs, and then the root itself; returns a cycle if there is one. Iterative,
 * because chains may be too long for recursion.
 */
function visit(
  root: number,
  sources: readonly number[][],
  state: Uint8Array,
  done: (at: number) => void,
): number[] | undefined {
  if (state[root] !== 0) return undefined;
  const path = [root];
  const next = [0];
  state[root] = ENTERED;
  while (path.length > 0) {
    const at = path.at(-1)!;
    const source = sources[at]![next[next.length - 1]!++];
    if (source === undefined) {
      state[at] = DONE;
      done(at);
      path.pop();
      next.pop();
    } else if (state[source] === ENTERED) return path.slice(path.indexOf(source)).reverse();
    else if (state[source] === 0) {
      state[source] = ENTERED;
      path.push(source);
      next.push(0);
    }
  }
  return undefined;
}
