/** Suggests sets of nodes to time in float: whole islands, and the best mixture according to a cost table. */
import type { Model } from "../ir/index.js";
import type { TypeMap } from "../ops/shapes.js";
import type { CostTable } from "../targets/index.js";
import { codeGraphOf } from "./qdq-graph.js";
import { islandsOf } from "./qdq-groups.js";
import type { SearchSpace } from "./by-accuracy.js";
import type { TimingHints } from "./by-latency.js";
import { cheapestInFloat, islandTime } from "./predict-times.js";

/**
 * @param types of the values of `model`, which the space builds from
 * @param costs of this machine; they only determine what to try first
 */
export async function timingHints(
  model: Model,
  types: TypeMap,
  { nodes, build }: SearchSpace,
  costs: CostTable,
): Promise<TimingHints> {
  const graph = codeGraphOf(model, types, await build([]));
  const searched = new Set(nodes.map(({ name }) => name));
  const namesOf = (units: Iterable<number>): string[] => [
    ...new Set(
      [...units]
        .map((k) => graph.units[k]!)
        .filter(({ isCompute, name }) => isCompute && searched.has(name))
        .map(({ name }) => name),
    ),
  ];
  const islands = islandsOf(graph)
    .map((island) => ({
      names: namesOf(island.units),
      gain: islandTime(graph, island, costs) - islandTime(graph, island, costs, new Set(island.units)),
    }))
    .filter(({ names }) => names.length > 0)
    .sort((a, b) => b.gain - a.gain);
  return { islands: islands.map(({ names }) => names), predicted: namesOf(cheapestInFloat(graph, costs)) };
}
