import { describe, expect, it, vi } from "vitest";
import type { Model } from "../../src/ir/index.js";
import {
  chooseFloatNodes,
  rankNodes,
  type SearchLimits,
  type SearchSpace,
} from "../../src/search/by-accuracy.js";
import { matMulModel } from "../support/mat-mul-model.js";

const inDb = (noise: number): number => -10 * Math.log10(noise);
const reaching = (goal: number): Pick<SearchLimits, "isEnough"> => ({ isEnough: ({ db }) => db >= goal });
const NO_LIMITS: SearchLimits = { ...reaching(30), maxShare: 1, deadline: Infinity };

interface FakeSpace extends SearchSpace {
  /** The nodes left in float in each model that was scored on all samples, and on few. */
  readonly tried: string[];
  readonly ranked: string[];
}

/**
 * A model whose nodes each add their noise to the outputs while they are in int8. A model is known by its
 * doc string.
 */
function spaceOf(
  noises: Readonly<Record<string, number>>,
  shares: Readonly<Record<string, number>> = {},
): FakeSpace {
  const names = Object.keys(noises);
  const tried: string[] = [];
  const ranked: string[] = [];
  return {
    tried,
    ranked,
    nodes: names.map((name) => ({
      name,
      opType: "Conv",
      share: shares[name] ?? 1 / names.length,
      intensity: 1,
    })),
    build: (floatNodes) => Promise.resolve({ ...matMulModel(), docString: floatNodes.join() }),
    score: (model, quick) => {
      const float = model.docString!.split(",");
      (quick ? ranked : tried).push(float.join());
      const db = inDb(
        1e-5 + names.reduce((sum, name) => sum + (float.includes(name) ? 0 : noises[name]!), 0),
      );
      return Promise.resolve({ db, perSample: [db], isAtFloor: db >= 20 });
    },
  };
}

const EIGHT = { a: 1e-2, b: 8e-3, c: 6e-3, d: 4e-3, e: 2e-3, f: 1e-3, g: 1e-4, h: 1e-5 };

describe("chooseFloatNodes", () => {
  it("finds the node that is to blame, and no other", async () => {
    const space = spaceOf({ good: 1e-5, guilty: 1e-1, fine: 2e-5 });
    const choice = await chooseFloatNodes(space, NO_LIMITS);
    expect(choice.floatNodes).toEqual(["guilty"]);
    expect([choice.beforeDb, choice.afterDb].map((db) => Math.round(db * 10))).toEqual(
      [1e-5 + 1e-1 + 3e-5, 4e-5].map((noise) => Math.round(inDb(noise) * 10)),
    );
    expect(choice.ranking.map(({ name }) => name)).toEqual(["guilty", "fine", "good"]);
    expect(choice.ranking[0]!.noise).toBeCloseTo(1e-1, 10);
  });

  it("measures no node where the goal is reached already", async () => {
    const space = spaceOf({ a: 1e-5, b: 1e-5 });
    const { floatNodes, ranking } = await chooseFloatNodes(space, NO_LIMITS);
    expect([floatNodes, ranking]).toEqual([[], []]);
    expect([space.tried, space.ranked]).toEqual([[""], []]);
  });

  it("takes the shortest start of the ranking that reaches the goal", async () => {
    // Without the first five, 1.12e-3 is left, which is above a thousandth; without the first six, 1.2e-4.
    const space = spaceOf(EIGHT);
    const { floatNodes } = await chooseFloatNodes(space, NO_LIMITS);
    expect(floatNodes).toEqual(["a", "b", "c", "d", "e", "f"]);
    // Twice as many each time, then halves of what is left.
    expect(space.tried.map((names) => names.split(",").filter(Boolean).length)).toEqual([
      0, 1, 2, 4, 8, 6, 5,
    ]);
  });

  it("gives the best there is where the goal is out of reach", async () => {
    const { floatNodes, afterDb } = await chooseFloatNodes(spaceOf({ a: 1e-2, b: 1e-3 }), {
      ...NO_LIMITS,
      ...reaching(90),
    });
    expect(floatNodes).toEqual(["a", "b"]);
    expect(afterDb).toBeCloseTo(50, 9);
  });

  it("never leaves more in float than the share allows, and passes over what does not fit", async () => {
    const space = spaceOf(
      { large: 1e-1, middle: 1e-2, small: 5e-3 },
      { large: 0.7, middle: 0.2, small: 0.1 },
    );
    expect((await chooseFloatNodes(space, { ...NO_LIMITS, maxShare: 0.35 })).floatNodes).toEqual([
      "middle",
      "small",
    ]);
    expect(space.tried.every((names) => !names.includes("large"))).toBe(true);
  });

  it("may leave all in float where that is allowed, whatever their shares sum to in floating point", async () => {
    const shares = { a: 1 / 13, b: 6 / 13, c: 3 / 13, d: 3 / 13 };
    expect(Object.values(shares).reduce((sum, share) => sum + share, 0)).toBeGreaterThan(1);
    const { floatNodes } = await chooseFloatNodes(spaceOf({ a: 1e-2, b: 6e-2, c: 3e-2, d: 3e-2 }, shares), {
      ...NO_LIMITS,
      ...reaching(49),
    });
    expect([...floatNodes].sort()).toEqual(["a", "b", "c", "d"]);
  });

  it("leaves alone nodes whose int8 form takes noise away", async () => {
    const space = spaceOf({ a: 1e-2, dear: 5e-3, lucky: -1e-3 }, { dear: 0.9, a: 0.05, lucky: 0.05 });
    const { floatNodes, ranking } = await chooseFloatNodes(space, {
      ...reaching(60),
      maxShare: 0.5,
      deadline: Infinity,
    });
    expect(floatNodes).toEqual(["a"]);
    expect(space.tried).toEqual(["", "a"]);
    expect(ranking.find(({ name }) => name === "lucky")?.noise).toBeCloseTo(-1e-3, 10);
  });

  it("ranks nothing once the time is up", async () => {
    const space = spaceOf({ a: 1e-2, b: 1e-2 });
    const { floatNodes, ranking } = await chooseFloatNodes(space, { ...NO_LIMITS, deadline: -Infinity });
    expect([floatNodes, ranking]).toEqual([[], []]);
  });

  it("stops doubling at the deadline, with what it has", async () => {
    const known = await rankNodes(spaceOf(EIGHT), { deadline: Infinity });
    const space = spaceOf(EIGHT);
    expect((await chooseFloatNodes(space, { ...NO_LIMITS, deadline: -Infinity }, known)).floatNodes).toEqual([
      "a",
    ]);
    expect([space.tried, space.ranked]).toEqual([["", "a"], []]);
  });

  it("goes by a ranking of an earlier search without measuring anew", async () => {
    const known = await rankNodes(spaceOf(EIGHT), { deadline: Infinity });
    const space = spaceOf(EIGHT);
    const { floatNodes, ranking } = await chooseFloatNodes(space, NO_LIMITS, known);
    expect([floatNodes, ranking]).toEqual([["a", "b", "c", "d", "e", "f"], known]);
    expect(space.ranked).toEqual([]);
  });

  it("lets another judge than the score decide what is near enough", async () => {
    const enough = (model: Model): Promise<boolean> =>
      Promise.resolve(model.docString!.split(",").filter(Boolean).length >= 3);
    expect(
      (await chooseFloatNodes(spaceOf(EIGHT), { ...NO_LIMITS, ...reaching(1000), meetsGates: enough }))
        .floatNodes,
    ).toEqual(["a", "b", "c"]);
  });

  it("tries all nodes in float before it gives up for want of time, where others decide", async () => {
    const enough = (model: Model): Promise<boolean> =>
      Promise.resolve(model.docString!.split(",").filter(Boolean).length === 8);
    const choice = await chooseFloatNodes(spaceOf(EIGHT), {
      ...NO_LIMITS,
      deadline: -Infinity,
      meetsGates: enough,
    });
    expect([choice.floatNodes, choice.ranking]).toEqual([Object.keys(EIGHT), []]);
    // Where the score decides, what is best so far is good enough.
    expect(
      (await chooseFloatNodes(spaceOf(EIGHT), { ...NO_LIMITS, ...reaching(1000), deadline: -Infinity }))
        .floatNodes,
    ).toEqual([]);
  });

  it("hands over each model that is better than those before it", async () => {
    const kept: string[] = [];
    const keep = (model: Model): Promise<void> => Promise.resolve(void kept.push(model.docString!));
    await chooseFloatNodes({ ...spaceOf(EIGHT), onBest: keep }, NO_LIMITS);
    expect(kept).toEqual(["", "a", "a,b", "a,b,c,d", "a,b,c,d,e,f,g,h"]);
  });
});

describe("rankNodes", () => {
  it("puts first what takes away much noise for few multiply-accumulates", async () => {
    const ranking = await rankNodes(spaceOf({ dear: 2e-3, cheap: 1e-3 }, { dear: 0.9, cheap: 0.1 }), {
      deadline: Infinity,
    });
    expect(ranking.map(({ name }) => name)).toEqual(["cheap", "dear"]);
  });

  it("stops in between once the time is up, and goes on from there the next time", async () => {
    let clock = 0;
    const now = vi.spyOn(performance, "now").mockImplementation(() => clock);
    const first = spaceOf({ a: 1e-2, b: 1e-3, c: 2e-3 });
    const part = await rankNodes({ ...first, progress: (done) => (clock = done) }, { deadline: 1.5 });
    now.mockRestore();
    expect([part.map(({ name }) => name), first.ranked]).toEqual([
      ["a", "b"],
      ["", "a", "b"],
    ]);
    const second = spaceOf({ a: 1e-2, b: 1e-3, c: 2e-3 });
    expect((await rankNodes(second, { deadline: Infinity }, part)).map(({ name }) => name)).toEqual([
      "a",
      "c",
      "b",
    ]);
    expect(second.ranked).toEqual(["", "c"]);
  });

  it("says how far it is", async () => {
    const steps: string[] = [];
    await rankNodes(
      { ...spaceOf({ a: 1e-3, b: 1e-3 }), progress: (done, total) => steps.push(`${done}/${total}`) },
      { deadline: Infinity },
    );
    expect(steps).toEqual(["0/2", "1/2", "2/2"]);
  });
});
