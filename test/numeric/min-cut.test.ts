import { describe, expect, it } from "vitest";
import { CutNetwork, SINK, SOURCE } from "../../src/numeric/min-cut.js";
import { uniform } from "./seeded.js";

type Edge = readonly [from: number, to: number, capacity: number];

/** Of nodes 2 and up; edges of infinite capacity must not be cut. */
function cutOf(count: number, edges: readonly Edge[]): boolean[] {
  const network = new CutNetwork();
  for (let k = 0; k < count; k++) network.node();
  for (const [from, to, capacity] of edges) network.edge(from, to, capacity);
  return network.sinkSide().slice(2);
}

const costOf = (sides: readonly boolean[], edges: readonly Edge[]): number => {
  const onSink = [false, true, ...sides];
  return edges.reduce((sum, [from, to, capacity]) => (!onSink[from]! && onSink[to]! ? sum + capacity : sum), 0);
};

/** Of all ways to tell the nodes into two sides. */
function cheapest(count: number, edges: readonly Edge[]): number {
  let least = Infinity;
  for (let sides = 0; sides < 2 ** count; sides++) least = Math.min(least, costOf(Array.from({ length: count }, (_, k) => ((sides >> k) & 1) === 1), edges));
  return least;
}

describe("CutNetwork", () => {
  it("cuts where it is cheapest", () => {
    expect(cutOf(2, [[SOURCE, 2, 3], [2, 3, 1], [3, SINK, 2]])).toEqual([false, true]);
    expect(cutOf(2, [[SOURCE, 2, 3], [2, 3, 5], [3, SINK, 2]])).toEqual([false, false]);
    expect(cutOf(2, [[SOURCE, 2, 1], [2, 3, 5], [3, SINK, 2]])).toEqual([true, true]);
  });

  it("never cuts an infinite edge", () => {
    expect(cutOf(2, [[SOURCE, 2, 9], [2, 3, Infinity], [SOURCE, 3, 1], [3, SINK, 5], [2, SINK, 1]])).toEqual([false, false]);
    expect(cutOf(2, [[SOURCE, 2, 4], [2, 3, Infinity], [3, SINK, 9]])).toEqual([true, true]);
  });

  it("leaves as few as it can on the sink's side", () => {
    expect(cutOf(1, [[SOURCE, 2, 2], [2, SINK, 2]])).toEqual([false]);
    expect(cutOf(1, [])).toEqual([false]);
  });

  it("finds the cheapest of all cuts of random networks", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const count = 2 + (seed % 8);
      const draw = uniform(seed);
      const node = (): number => Math.floor(draw() * (count + 2));
      const edges = Array.from({ length: 4 * count }, (): Edge => [node(), node(), Math.round(20 * draw())]).filter(([from, to]) => from !== to);
      expect(costOf(cutOf(count, edges), edges)).toBe(cheapest(count, edges));
    }
  });
});
