/** Which nodes int8 does not pay for on a device that is not at hand, by its table of costs. */
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
  /**
   * Time with all nodes in int8, and with those left in float that the search chose, over the time in
   * float.
   */
  readonly int8: number;
  readonly chosen: number;
}

/** A gain below this is none: what the table says of kinds of operators is not exact for one of them. */
const CLEAR_GAIN = 0.03;

export interface Prediction extends PredictedChoice {
  /** Why each of `floatNodes` stays float. */
  readonly reasons: ReadonlyMap<string, string>;
}

/**
 * Whether layers whose ranges are taken at run time pay as such: without data there are no others to decide
 * about.
 */
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
  // Which operators follow those that are named is the pass's to say, so what it makes is looked at.
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
 * Of the units of each island that stay float: their time in int8, with the conversions that it takes, over
 * that in float. By name.
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

/** The same device's time, over that in float, with these nodes in float as well. */
export async function predictedShare(
  model: Model,
  types: TypeMap,
  { build }: SearchSpace,
  { costs }: Device,
  floatNodes: readonly string[],
): Promise<number> {
  return shareOfQuantized(model, types, await build(floatNodes), costs);
}

/** The same of a model that is quantized already. */
export function shareOfQuantized(model: Model, types: TypeMap, quantized: Model, costs: CostTable): number {
  const graph = codeGraphOf(model, types, quantized);
  return predictedTime(graph, costs) / (predictedFloatTime(graph) || 1);
}
