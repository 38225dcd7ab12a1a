import { describe, expect, it } from "vitest";
import { CutNetwork, SINK, SOURCE } from "../../src/numeric/min-cut.js";
import { uniform } from "../support/seeded.js";

type Edge = readonly [from: number, to: number, capacity: number];

/** Of nodes 2 and up; edges of infinite capacity must not be cut. */
function cutOf(count: number, edges: readonly Edge[]): boolean[] {
  const network = new CutNetwork();
  for (let k = 0; k < count; k++) network.node();
  for (const [from, to, capacity] of edges) network.edge(from, to, capacity);
  return network.sinkSide()!.slice(2);
}

const costOf = (sides: readonly boolean[], edges: readonly Edge[]): number => {
  const onSink = [false, true, ...sides];
  return edges.reduce(
    (sum, [from, to, capacity]) => (!onSink[from]! && onSink[to]! ? sum + capacity : sum),
    0,
  );
};

/** Of all ways to tell the nodes into two sides. */
function cheapest(count: number, edges: readonly Edge[]): number {
  let least = Infinity;
  for (let sides = 0; sides < 2 ** count; sides++)
    least = Math.min(
      least,
      costOf(
        Array.from({ length: count }, (_, k) => ((sides >> k) & 1) === 1),
        edges,
      ),
    );
  return least;
}

describe("CutNetwork", () => {
  it("cuts where it is cheapest", () => {
    expect(
      cutOf(2, [
        [SOURCE, 2, 3],
        [2, 3, 1],
        [3, SINK, 2],
      ]),
    ).toEqual([false, true]);
    expect(
      cutOf(2, [
        [SOURCE, 2, 3],
        [2, 3, 5],
        [3, SINK, 2],
      ]),
    ).toEqual([false, false]);
    expect(
      cutOf(2, [
        [SOURCE, 2, 1],
        [2, 3, 5],
        [3, SINK, 2],
      ]),
    ).toEqual([true, true]);
  });

  it("never cuts an infinite edge", () => {
    expect(
      cutOf(2, [
        [SOURCE, 2, 9],
        [2, 3, Infinity],
        [SOURCE, 3, 1],
        [3, SINK, 5],
        [2, SINK, 1],
      ]),
    ).toEqual([false, false]);
    expect(
      cutOf(2, [
        [SOURCE, 2, 4],
        [2, 3, Infinity],
        [3, SINK, 9],
      ]),
    ).toEqual([true, true]);
  });

  it("leaves as few as it can on the sink's side", () => {
    expect(
      cutOf(1, [
        [SOURCE, 2, 2],
        [2, SINK, 2],
      ]),
    ).toEqual([false]);
    expect(cutOf(1, [])).toEqual([false]);
  });

  // Up to the weak link each node pays 1 for its edge to the sink, and the link 5; all others could not be
  // saved for less.
  it("cuts a chain of 100,000 nodes at its weak link, though all of it lies at distances of its own", () => {
    const [count, weak] = [100_000, 99_980];
    const edges = Array.from({ length: count }, (_, k): readonly Edge[] => [
      [k + 2, SINK, 1],
      ...(k + 1 < count ? [[k + 2, k + 3, k === weak ? 5 : 1e9] as const] : []),
    ]).flat();
    expect(cutOf(count, [[SOURCE, 2, 1e6], ...edges]).indexOf(true)).toBe(weak + 1);
  });

  it("gives up on a network that takes more work than it may", () => {
    const network = new CutNetwork();
    const node = network.node();
    network.edge(SOURCE, node, 2);
    network.edge(node, SINK, 3);
    expect(network.sinkSide(1)).toBeUndefined();
    expect(network.sinkSide(100)).toEqual([false, true, true]);
  });

  it("finds the cheapest of all cuts of random networks", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const count = 2 + (seed % 8);
      const draw = uniform(seed);
      const node = (): number => Math.floor(draw() * (count + 2));
      const edges = Array.from({ length: 4 * count }, (): Edge => [
        node(),
        node(),
        Math.round(20 * draw()),
      ]).filter(([from, to]) => from !== to);
      expect(costOf(cutOf(count, edges), edges)).toBe(cheapest(count, edges));
    }
  });
});
