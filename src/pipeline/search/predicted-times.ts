/**
 * What a model takes on a device that is not at hand, from the target's table of costs: multiply-adds of a 3×3 convolution
 * in float, times the ratio of its kind for what works on codes, and what it takes to come to codes and back where they
 * begin and end. Which operators are better left in float is then a cheapest cut between the two kinds.
 */
import { CutNetwork, SINK, SOURCE } from "../../numeric/min-cut.js";
import type { CostTable } from "../../targets/index.js";
import type { CodeGraph, CodeTensor, Unit } from "./code-graph.js";
import { CALL } from "./float-times.js";

/** Where no unit is left in float, which is what the model was built as. */
const NONE: ReadonlySet<number> = new Set();

/** @param inFloat indices of units */
export function predictedTime({ units, tensors, restTime }: CodeGraph, costs: CostTable, inFloat = NONE): number {
  const kernels = units.reduce((sum, unit, k) => sum + (inFloat.has(k) ? unit.floatTime : int8Time(unit, costs)), 0);
  return restTime + kernels + tensors.reduce((sum, tensor) => sum + conversionTime(tensor, costs, inFloat), 0);
}

export function predictedFloatTime({ units, restTime }: CodeGraph): number {
  return units.reduce((sum, unit) => sum + unit.floatTime, restTime);
}

function int8Time({ cost, floatTime, gathered, fusedTime }: Unit, costs: CostTable): number {
  return cost === "mover" ? floatTime : CALL + costs[cost] * (floatTime - CALL) + costs.gather * gathered + fusedTime;
}

function conversionTime({ values, producer, readers, hasFloatReaders }: CodeTensor, costs: CostTable, inFloat: ReadonlySet<number>): number {
  const isMadeAsCodes = producer !== undefined && !inFloat.has(producer);
  const isReadAsCodes = readers.some((reader) => !inFloat.has(reader));
  const isReadAsFloat = hasFloatReaders || readers.some((reader) => inFloat.has(reader));
  return (isMadeAsCodes || !isReadAsCodes ? 0 : conversion(values, costs.quantize)) + (isMadeAsCodes && isReadAsFloat ? conversion(values, costs.dequantize) : 0);
}

/** A conversion is an operator of its own. */
function conversion(values: number, cost: number): number {
  return CALL + values * cost;
}

/** The units that are better left in float, as few as are worth it. */
export function cheapestInFloat({ units, tensors }: CodeGraph, costs: CostTable): Set<number> {
  const network = new CutNetwork();
  // What works on codes is on the source's side.
  const nodes = units.map((unit) => {
    const node = network.node();
    network.edge(node, SINK, int8Time(unit, costs));
    network.edge(SOURCE, node, unit.floatTime);
    return node;
  });
  for (const tensor of tensors) addConversions(network, nodes, tensor, costs);
  const isFloat = network.sinkSide();
  return new Set(units.flatMap((_, k) => (isFloat[nodes[k]!] === true ? [k] : [])));
}

/** A tensor is brought to codes once, and back once, however many read it. */
function addConversions(network: CutNetwork, nodes: readonly number[], { values, producer, readers, hasFloatReaders }: CodeTensor, costs: CostTable): void {
  const made = producer === undefined ? SINK : nodes[producer]!;
  const asCodes = network.node();
  for (const reader of readers) network.edge(nodes[reader]!, asCodes, Infinity);
  network.edge(asCodes, made, conversion(values, costs.quantize));
  if (made === SINK) return;
  const asFloat = hasFloatReaders ? SINK : network.node();
  if (!hasFloatReaders) for (const reader of readers) network.edge(asFloat, nodes[reader]!, Infinity);
  network.edge(made, asFloat, conversion(values, costs.dequantize));
}

/** The units in groups that codes flow between, from Q to DQ. */
export function islandsOf({ units, tensors }: CodeGraph): number[][] {
  const leader = units.map((_, k) => k);
  const find = (k: number): number => {
    let top = k;
    while (leader[top] !== top) top = leader[top] = leader[leader[top]!]!;
    return top;
  };
  for (const { producer, readers } of tensors) {
    const [first, ...others] = producer === undefined ? readers : [producer, ...readers];
    for (const other of others) leader[find(other)] = find(first!);
  }
  const groups = new Map<number, number[]>();
  for (const [k] of units.entries()) groups.set(find(k), [...groups.get(find(k)) ?? [], k]);
  return [...groups.values()];
}
