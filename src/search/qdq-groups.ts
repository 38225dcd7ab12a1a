/**
 * Divides a model into parts between which no codes flow, so that changes to one do not affect the cost of
 * another.
 */
import { groupBy } from "../group-by.js";
import type { CodeGraph } from "./qdq-graph.js";

/** Indices into the graph. */
export interface Island {
  readonly units: readonly number[];
  /** The tensors that its units write or read. */
  readonly tensors: readonly number[];
}

/** Groups of units connected by codes, from Q to DQ, ordered by their first units. */
export function islandsOf({ units, tensors }: CodeGraph): Island[] {
  const leader = units.map((_, k) => k);
  const find = (k: number): number => {
    let top = k;
    while (leader[top] !== top) top = leader[top] = leader[leader[top]!]!;
    return top;
  };
  const some = tensors.map(({ producer, readers }) => producer ?? readers[0]);
  for (const [k, { readers }] of tensors.entries())
    for (const reader of readers) leader[find(reader)] = find(some[k]!);
  const tensorsBy = groupBy(tensors.keys(), (k) => (some[k] === undefined ? undefined : find(some[k])));
  return [...groupBy(units.keys(), find)].map(([top, members]) => ({
    units: members,
    tensors: tensorsBy.get(top) ?? [],
  }));
}
