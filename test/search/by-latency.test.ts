import { NO_SCORES } from "../../src/fidelity/index.js";
import { describe, expect, it } from "vitest";
import { GENERIC } from "../../src/targets/index.js";
import type { SearchSpace } from "../../src/search/by-accuracy.js";
import { choosePayingNodes, type Timer } from "../../src/search/by-latency.js";
import { sampleTypes } from "../../src/search/sample-types.js";
import { timingHints } from "../../src/search/timing-hints.js";
import { copyModel, type Model } from "../../src/ir/index.js";
import { quantizeInt8 } from "../../src/passes/quantize/quantize-int8.js";
import { ranges } from "../support/int8-models.js";
import { matMulModel } from "../support/mat-mul-model.js";
import { twoParts } from "../support/two-parts.js";

/**
 * Four nodes; the first have the least arithmetic for what they move. A model is known by what it leaves in
 * float.
 */
const SPACE: SearchSpace = {
  nodes: [3, 1, 4, 2].map((intensity) => ({ name: `n${intensity}`, opType: "Conv", share: 0.25, intensity })),
  build: (floatNodes) => Promise.resolve({ ...matMulModel(), docString: [...floatNodes].sort().join() }),
  score: () => Promise.resolve(NO_SCORES),
};
const ALL = "n1,n2,n3,n4";

type Times = Readonly<Record<string, number>>;

/** @param rounds what each round of timings says; the last of them goes on */
function timerOf(...rounds: readonly Times[]): Timer & { readonly calls: string[][] } {
  const calls: string[][] = [];
  return Object.assign(
    (models: Parameters<Timer>[0]) => {
      calls.push(models.map(({ docString }) => docString!));
      const times = rounds[Math.min(calls.length, rounds.length) - 1]!;
      return Promise.resolve(models.map(({ docString }) => times[docString!] ?? 100));
    },
    { calls },
  );
}

describe("by shares of the nodes", () => {
  it("tries nothing more where int8 pays as a whole", async () => {
    const time = timerOf({ [ALL]: 100, "": 84 });
    expect(await choosePayingNodes(SPACE, time)).toEqual({
      floatNodes: [],
      floatMs: 100,
      int8Ms: 84,
      chosenMs: 84,
    });
    expect(time.calls).toEqual([[ALL, ""]]);
  });

  it("leaves in float the nodes with the least arithmetic, as many as is fastest", async () => {
    const time = timerOf({ [ALL]: 100, "": 110, n1: 90, "n1,n2": 70, "n1,n2,n3": 80 });
    expect(await choosePayingNodes(SPACE, time)).toEqual({
      floatNodes: ["n1", "n2"],
      floatMs: 100,
      int8Ms: 110,
      chosenMs: 70,
    });
    expect(time.calls.slice(1)).toEqual([
      [ALL, "", "n1", "n1,n2", "n1,n2,n3"],
      [ALL, "", "n1,n2"],
    ]);
  });

  it("leaves all in float where nothing is faster beyond noise", async () => {
    const time = timerOf({ [ALL]: 100, "": 110, n1: 99, "n1,n2": 98, "n1,n2,n3": 97.5 });
    expect(await choosePayingNodes(SPACE, time)).toEqual({
      floatNodes: ["n3", "n1", "n4", "n2"],
      floatMs: 100,
      int8Ms: 110,
      chosenMs: 100,
    });
  });

  it("does not take the luck of one round for speed", async () => {
    const first = { [ALL]: 100, "": 90, "n1,n2": 80 };
    expect(await choosePayingNodes(SPACE, timerOf(first, first, { ...first, "n1,n2": 89 }))).toEqual({
      floatNodes: [],
      floatMs: 100,
      int8Ms: 90,
      chosenMs: 90,
    });
  });
});

describe("by islands", () => {
  const islands = [["n4"], ["n1", "n3"], ["n2"]];

  it("leaves those in float that lose, although int8 pays as a whole", async () => {
    const time = timerOf({ [ALL]: 100, "": 60, n4: 55, "n1,n3": 70, n2: 50, "n2,n4": 45 });
    expect(await choosePayingNodes(SPACE, time, { islands, predicted: [] })).toEqual({
      floatNodes: ["n4", "n2"],
      floatMs: 100,
      int8Ms: 60,
      chosenMs: 45,
    });
    expect(time.calls).toEqual([
      [ALL, ""],
      [ALL, "", "n4", "n1,n3", "n2"],
      [ALL, "", "n2", "n2,n4"],
    ]);
  });

  it("leaves none where none loses beyond noise", async () => {
    const time = timerOf({ [ALL]: 100, "": 60, n4: 59.9, "n1,n3": 61, n2: 58.5 });
    expect((await choosePayingNodes(SPACE, time, { islands, predicted: [] })).floatNodes).toEqual([]);
  });

  it("tries what a table of costs would choose, and believes the clock", async () => {
    const hints = { islands: [["n1", "n2", "n3", "n4"]], predicted: ["n3"] };
    expect(
      (await choosePayingNodes(SPACE, timerOf({ [ALL]: 100, "": 60, n3: 50 }), hints)).floatNodes,
    ).toEqual(["n3"]);
    expect(
      (await choosePayingNodes(SPACE, timerOf({ [ALL]: 100, "": 60, n3: 65 }), hints)).floatNodes,
    ).toEqual([]);
  });

  it("tries fewer of a model that takes long", async () => {
    const time = timerOf({ [ALL]: 500, "": 490 });
    await choosePayingNodes(SPACE, time, { islands, predicted: ["n3"] });
    expect(time.calls[1]).toEqual([ALL, "", "n3", "n1", "n1,n2"]);
  });
});

describe("of a model of two parts", () => {
  const float = twoParts(16);
  const nodes = ["dense1", "dense2", "slow1", "slow2"].map((name) => ({
    name,
    opType: "Conv",
    share: 0.25,
    intensity: 1,
  }));
  const build = async (exclude: readonly string[]): Promise<Model> => {
    const copy = copyModel(float);
    await quantizeInt8({ exclude }).run(copy, {
      statistics: ranges(float, -1, 1),
      evaluator: undefined,
      seed: 0,
    });
    return copy;
  };
  /** Float 10 and 4 ms; int8 halves the one and doubles the other. */
  const time: Timer = (models) =>
    Promise.resolve(
      models.map(({ graph }) => {
        const isFloat = (name: string): boolean =>
          graph.initializers.some(
            (tensor) =>
              tensor.name === `w_${name}` && graph.nodes.some(({ inputs }) => inputs.includes(tensor.name!)),
          );
        const ms = (name: string, inFloat: number, inInt8: number): number =>
          isFloat(name) ? inFloat : inInt8;
        return ms("dense1", 5, 2.5) + ms("dense2", 5, 2.5) + ms("slow1", 2, 4) + ms("slow2", 2, 4);
      }),
    );

  it("the part between operators without int8 kernels is an island, and goes back to float alone", async () => {
    const space: SearchSpace = { nodes, build, score: () => Promise.resolve(NO_SCORES) };
    const hints = await timingHints(float, await sampleTypes(float, undefined), space, GENERIC.costs);
    expect(hints).toEqual({
      islands: [
        ["slow1", "slow2"],
        ["dense1", "dense2"],
      ],
      predicted: ["slow1", "slow2"],
    });
    expect(await choosePayingNodes(space, time, hints)).toEqual({
      floatNodes: ["slow1", "slow2"],
      floatMs: 14,
      int8Ms: 13,
      chosenMs: 9,
    });
    expect((await choosePayingNodes(space, time, { ...hints, predicted: [] })).floatNodes).toEqual([
      "slow1",
      "slow2",
    ]);
  });
});
