/** Chooses nodes for which int8 does not pay off on another device, by its cost table. */
import type { Model } from "../ir/index.js";
import type { TypeMap } from "../ops/shapes.js";
import type { CostTable } from "../targets/index.js";
import { codeGraphOf, type CodeGraph } from "./qdq-graph.js";
import { islandsOf } from "./qdq-groups.js";
import type { SearchSpace } from "./by-accuracy.js";
import { cheapestInFloat, islandTime, predictedFloatTime, predictedTime } from "./predict-times.js";
import type { Device } from "../targets/index.js";

export interface PredictedChoice {
  /** The device. */
  readonly target: string;
  /** Nodes to leave in float for speed. */
  readonly floatNodes: readonly string[];
  /** Time with all nodes in int8, and with the chosen nodes in float, relative to the time in float. */
  readonly int8: number;
  readonly chosen: number;
}

/** Smallest gain to act on, because the table's costs per kind of operator are not exact for each one. */
const CLEAR_GAIN = 0.03;

export interface Prediction extends PredictedChoice {
  /** Why each of `floatNodes` stays in float. */
  readonly reasons: ReadonlyMap<string, string>;
}

/** Whether dynamically quantized layers pay off as a whole; without data, there are no others to decide about. */
export function isPaidAtRunTime({ costs: { dynamicMatMul, lstm } }: Device): boolean {
  return Math.max(dynamicMatMul, lstm) <= 1 - CLEAR_GAIN;
}

/** @param types of the values of `model`, which the space builds from */
export async function predictPayingNodes(
  model: Model,
  types: TypeMap,
  { nodes, build }: SearchSpace,
  { name, costs }: Device,
): Promise<Prediction> {
  const graph = codeGraphOf(model, types, await build([]));
  const floatTime = predictedFloatTime(graph) || 1;
  const int8 = predictedTime(graph, costs) / floatTime;
  const names = new Set(nodes.map((node) => node.name));
  const inFloat = cheapestInFloat(graph, costs);
  const candidates = [...inFloat]
    .map((k) => graph.units[k]!)
    .filter((unit) => unit.isCompute && names.has(unit.name))
    .map((unit) => unit.name);
  // The pass decides which operators follow the named ones, so its output is examined.
  const mixed =
    candidates.length > 0
      ? predictedTime(codeGraphOf(model, types, await build(candidates)), costs) / floatTime
      : int8;
  const isMixed = mixed < (1 - CLEAR_GAIN) * int8;
  const best = isMixed ? mixed : int8;
  const told = (
    floatNodes: readonly string[],
    chosen: number,
    reason: (node: string) => string,
  ): Prediction => ({
    target: name,
    floatNodes,
    int8,
    chosen,
    reasons: new Map(floatNodes.map((node) => [node, reason(node)])),
  });
  if (best > 1 - CLEAR_GAIN) return told([...names], 1, () => unpaid(name, best, " at best"));
  if (!isMixed) return told([], int8, () => "");
  const shares = sharesOf(graph, costs, inFloat);
  return told([...new Set(candidates)], mixed, (node) => unpaid(name, shares.get(node) ?? 1, ""));
}

function unpaid(device: string, share: number, of: string): string {
  return `int8 does not pay off on ${device}: predicted ${share.toFixed(2)} of float's ` + `time${of}`;
}

/**
 * For the units of each island that stay in float: their time in int8, including conversions, relative to that
 * in float. By name.
 */
function sharesOf(graph: CodeGraph, costs: CostTable, inFloat: ReadonlySet<number>): Map<string, number> {
  const shares = new Map<string, number>();
  for (const island of islandsOf(graph)) {
    const left = island.units.filter((k) => inFloat.has(k));
    const floatTime = left.reduce((sum, k) => sum + graph.units[k]!.floatTime, 0);
    const share =
      1 + (islandTime(graph, island, costs) - islandTime(graph, island, costs, inFloat)) / (floatTime || 1);
    for (const k of left) shares.set(graph.units[k]!.name, share);
  }
  return shares;
}

/** The time on the device with these nodes in float as well, relative to that in float. */
export async function predictedShare(
  model: Model,
  types: TypeMap,
  { build }: SearchSpace,
  { costs }: Device,
  floatNodes: readonly string[],
): Promise<number> {
  return shareOfQuantized(model, types, await build(floatNodes), costs);
}

/** The same for a model that is already quantized. */
export function shareOfQuantized(model: Model, types: TypeMap, quantized: Model, costs: CostTable): number {
  const graph = codeGraphOf(model, types, quantized);
  return predictedTime(graph, costs) / (predictedFloatTime(graph) || 1);
}
