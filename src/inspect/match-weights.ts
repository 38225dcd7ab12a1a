/** Matches the weights of one model with those of another. */
import type { InspectedWeight } from "./inspection.js";

/**
 * What two weights have in common: "name"; "layer" (the node that uses them and their shape); "shape" (and
 * order); "node".
 */
export type WeightMatch = "name" | "layer" | "shape" | "node";

type Pair = readonly [
  before: InspectedWeight | undefined,
  after: InspectedWeight | undefined,
  matchedBy: WeightMatch | null,
];

const KEYS: readonly (readonly [WeightMatch, (weight: InspectedWeight) => string | undefined])[] = [
  ["name", ({ name, scope }) => (name === "" ? undefined : JSON.stringify([scope, name]))],
  [
    "layer",
    ({ node, scope, shape }) =>
      node === null || shape === null ? undefined : JSON.stringify([scope, node, shape]),
  ],
  // Too many scalars and vectors have equal shapes to match by it.
  ["shape", ({ shape }) => (shape === null || shape.length < 2 ? undefined : JSON.stringify(shape))],
  [
    "node",
    ({ node, scope, shape, input }) =>
      node === null || (shape?.length ?? 2) < 2 ? undefined : JSON.stringify([scope, node, input]),
  ],
];

/**
 * Pairs in the order of `before`, then weights that only `after` has. Equal keys pair up in order; each
 * weight is in one pair.
 */
export function matchWeights(before: readonly InspectedWeight[], after: readonly InspectedWeight[]): Pair[] {
  const partners = new Map<InspectedWeight, readonly [InspectedWeight, WeightMatch]>();
  const taken = new Set<InspectedWeight>();
  for (const [kind, keyOf] of KEYS) {
    const open = new Map<string, InspectedWeight[]>();
    for (const weight of [...after].reverse()) {
      const key = taken.has(weight) ? undefined : keyOf(weight);
      if (key === undefined) continue;
      const waiting = open.get(key);
      if (waiting) waiting.push(weight);
      else open.set(key, [weight]);
    }
    for (const weight of before) {
      const key = partners.has(weight) ? undefined : keyOf(weight);
      const partner = key === undefined ? undefined : open.get(key)?.pop();
      if (!partner) continue;
      partners.set(weight, [partner, kind]);
      taken.add(partner);
    }
  }
  const pairs = before.map((weight): Pair => [
    weight,
    partners.get(weight)?.[0],
    partners.get(weight)?.[1] ?? null,
  ]);
  return [
    ...pairs,
    ...after.filter((weight) => !taken.has(weight)).map((weight): Pair => [undefined, weight, null]),
  ];
}
