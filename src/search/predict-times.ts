/**
 * Predicts the time of a model on another device from the target's cost table: multiply-adds of a 3×3
 * convolution in float, times the ratio of its kind for operators in int8, plus the conversions where codes
 * begin and end. The operators that are better left in float then follow from a minimum cut between the two
 * kinds.
 */
import { CutNetwork, SINK, SOURCE } from "../numeric/min-cut.js";
import type { CostTable } from "../targets/index.js";
import type { CodeGraph, CodeTensor, Unit } from "./qdq-graph.js";
import { type Island, islandsOf } from "./qdq-groups.js";
import { CALL } from "./float-cost.js";

/** The costs with all units in int8, as the model was built. */
const NONE: ReadonlySet<number> = new Set();

/** @param inFloat indices of units */
export function predictedTime(
  { units, tensors, restTime }: CodeGraph,
  costs: CostTable,
  inFloat = NONE,
): number {
  const kernels = units.reduce((sum, unit, k) => sum + kernelTime(unit, costs, inFloat.has(k)), 0);
  return (
    restTime + kernels + tensors.reduce((sum, tensor) => sum + conversionTime(tensor, costs, inFloat), 0)
  );
}

/**
 * The cost of the units of one island, with the conversions in it and at its borders, which do not depend on
 * other islands.
 */
export function islandTime(graph: CodeGraph, island: Island, costs: CostTable, inFloat = NONE): number {
  const kernels = island.units.reduce(
    (sum, k) => sum + kernelTime(graph.units[k]!, costs, inFloat.has(k)),
    0,
  );
  return island.tensors.reduce((sum, k) => sum + conversionTime(graph.tensors[k]!, costs, inFloat), kernels);
}

export function predictedFloatTime({ units, restTime }: CodeGraph): number {
  return units.reduce((sum, unit) => sum + unit.floatTime, restTime);
}

function kernelTime(unit: Unit, costs: CostTable, isFloat: boolean): number {
  return isFloat ? unit.floatTime : int8Time(unit, costs);
}

function int8Time({ cost, floatTime, gathered, fusedTime }: Unit, costs: CostTable): number {
  return cost === "mover"
    ? floatTime
    : CALL + costs[cost] * (floatTime - CALL) + costs.gather * gathered + fusedTime;
}

function conversionTime(
  { values, producer, readers, hasFloatReaders }: CodeTensor,
  costs: CostTable,
  inFloat: ReadonlySet<number>,
): number {
  const isMadeAsCodes = producer !== undefined && !inFloat.has(producer);
  const isReadAsCodes = readers.some((reader) => !inFloat.has(reader));
  const isReadAsFloat = hasFloatReaders || readers.some((reader) => inFloat.has(reader));
  return (
    (isMadeAsCodes || !isReadAsCodes ? 0 : conversion(values, costs.quantize)) +
    (isMadeAsCodes && isReadAsFloat ? conversion(values, costs.dequantize) : 0)
  );
}

/** A conversion is an operator of its own. */
function conversion(values: number, cost: number): number {
  return CALL + values * cost;
}

/**
 * About one second of work. A minimum cut of 100,000 operators in a chain, or with a few readers each, takes a
 * seventh to a third of it.
 */
const MAX_WORK = 5e7;

/**
 * The units that are better left in float, as few as possible.
 * @param mostWork edges of the network to visit before falling back to whole islands
 */
export function cheapestInFloat(graph: CodeGraph, costs: CostTable, mostWork = MAX_WORK): Set<number> {
  return cheapestCut(graph, costs, mostWork) ?? islandsInFloat(graph, costs);
}

function cheapestCut(
  { units, tensors }: CodeGraph,
  costs: CostTable,
  mostWork: number,
): Set<number> | undefined {
  const network = new CutNetwork();
  // Units in int8 are on the source's side.
  const nodes = units.map((unit) => {
    const node = network.node();
    network.edge(node, SINK, int8Time(unit, costs));
    network.edge(SOURCE, node, unit.floatTime);
    return node;
  });
  for (const tensor of tensors) addConversions(network, nodes, tensor, costs);
  const isFloat = network.sinkSide(mostWork);
  return isFloat && new Set(units.flatMap((_, k) => (isFloat[nodes[k]!] === true ? [k] : [])));
}

/** The islands that are faster with all of their units in float. */
function islandsInFloat(graph: CodeGraph, costs: CostTable): Set<number> {
  const losing = islandsOf(graph).filter(
    (island) => islandTime(graph, island, costs, new Set(island.units)) < islandTime(graph, island, costs),
  );
  return new Set(losing.flatMap(({ units }) => units));
}

/** A tensor is quantized once, and dequantized once, however many nodes read it. */
function addConversions(
  network: CutNetwork,
  nodes: readonly number[],
  { values, producer, readers, hasFloatReaders }: CodeTensor,
  costs: CostTable,
): void {
  const made = producer === undefined ? SINK : nodes[producer]!;
  const asCodes = network.node();
  for (const reader of readers) network.edge(nodes[reader]!, asCodes, Infinity);
  network.edge(asCodes, made, conversion(values, costs.quantize));
  if (made === SINK) return;
  const asFloat = hasFloatReaders ? SINK : network.node();
  if (!hasFloatReaders) for (const reader of readers) network.edge(asFloat, nodes[reader]!, Infinity);
  network.edge(made, asFloat, conversion(values, costs.dequantize));
}
