/** Computes what nodes cost to run: multiply-accumulates, and the bytes of their outputs. */
import { byteSize, type Dimension, type GraphEditor, type Node, type TensorType } from "../ir/index.js";
import { nodeMacs } from "../ops/macs.js";
import { staticCount, type TypeMap } from "../ops/shapes.js";
import { fixedValues } from "./fixed-values.js";
import type { Activations } from "./inspection.js";
import type { PreparedModel } from "./prepared-model.js";

interface RunCost {
  /** Null if sizes are unknown. */
  readonly macs: number | null;
  readonly activationBytes: number | null;
  /** Shape of the first output. */
  readonly shape: readonly (number | string | null)[] | null;
}

export interface Costs {
  /**
   * By node of the given model. A call of a function costs what its body does. Nodes that only unpack
   * constants cost nothing.
   */
  readonly nodes: ReadonlyMap<Node, RunCost>;
  readonly activations: Activations;
}

/** Counts each body of If, Loop and Scan as running once. */
export function costsOf({ editors, types, origin }: PreparedModel): Costs {
  const nodes = new Map<Node, RunCost>();
  const fixed = fixedValues(editors);
  const activations = { total: 0, unknown: 0 };
  for (const editor of editors) {
    const known = types.get(editor) ?? new Map<string, TensorType>();
    for (const node of editor.graph.nodes) {
      const isFixed = fixed.get(editor)?.nodes.has(node) === true;
      const cost = isFixed
        ? { macs: 0, activationBytes: 0, shape: shapeOf(node, known) }
        : costOf(node, known);
      const target = origin(node);
      const before = nodes.get(target);
      nodes.set(target, before ? sum(before, cost) : cost);
      if (isFixed) continue;
      if (cost.activationBytes === null) activations.unknown++;
      else activations.total += cost.activationBytes;
    }
  }
  const [main] = editors;
  const peakBytes = main
    ? peakOf(main, types.get(main) ?? new Map(), (node) => fixed.get(main)?.nodes.has(node) === true)
    : null;
  return {
    nodes,
    activations: {
      totalBytes: activations.unknown > 0 ? null : activations.total,
      peakBytes,
      unknown: activations.unknown,
    },
  };
}

function costOf(node: Node, types: TypeMap): RunCost {
  const macs = nodeMacs(
    node,
    node.inputs.map((name) => types.get(name)),
    node.outputs.map((name) => types.get(name)),
  );
  return {
    macs: macs ?? null,
    activationBytes: bytesOf(node.outputs, types) ?? null,
    shape: shapeOf(node, types),
  };
}

function shapeOf(node: Node, types: TypeMap): RunCost["shape"] {
  return types.get(node.outputs[0] ?? "")?.shape?.map((dim: Dimension) => dim ?? null) ?? null;
}

function sum(a: RunCost, b: RunCost): RunCost {
  const add = (x: number | null, y: number | null): number | null =>
    x === null || y === null ? null : x + y;
  return {
    macs: add(a.macs, b.macs),
    activationBytes: add(a.activationBytes, b.activationBytes),
    shape: b.shape,
  };
}

function bytesOf(names: readonly string[], types: TypeMap): number | undefined {
  let total = 0;
  for (const name of names) {
    if (name === "") continue;
    const type = types.get(name);
    const count = staticCount(type?.shape);
    const bytes = type && count !== undefined ? byteSize(type.elementType, count) : undefined;
    if (bytes === undefined) return undefined;
    total += bytes;
  }
  return total;
}

/**
 * The peak of bytes in use at once: a value is in use from its producer to its last user, a graph's inputs
 * and outputs until the end.
 */
function peakOf(editor: GraphEditor, types: TypeMap, isFixed: (node: Node) => boolean): number | null {
  const { graph } = editor;
  const nodes = graph.nodes.filter((node) => !isFixed(node));
  const lastUse = new Map<string, number>();
  nodes.forEach((node, k) => {
    for (const name of [...editor.usedNames(node), ...node.outputs]) lastUse.set(name, k);
  });
  const constants = new Set(graph.initializers.map((tensor) => tensor.name ?? ""));
  const inputs = graph.inputs.map(({ name }) => name).filter((name) => !constants.has(name));
  for (const name of [...inputs, ...graph.outputs.map((output) => output.name)])
    lastUse.set(name, nodes.length);
  const dying: string[][] = nodes.map(() => []);
  const made = new Set(inputs);
  let alive = bytesOf(inputs, types);
  let peak = alive;
  for (const node of nodes)
    for (const name of node.outputs) dying[lastUse.get(name) ?? nodes.length]?.push(name);
  for (const [k, node] of nodes.entries()) {
    const bytes = bytesOf(node.outputs, types);
    if (bytes === undefined || alive === undefined || peak === undefined) return null;
    for (const name of node.outputs) made.add(name);
    alive += bytes;
    peak = Math.max(peak, alive);
    alive -=
      bytesOf(
        (dying[k] ?? []).filter((name) => made.has(name)),
        types,
      ) ?? 0;
  }
  return peak ?? null;
}
