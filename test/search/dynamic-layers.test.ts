import { describe, expect, it } from "vitest";
import type { SampleScores } from "../../src/fidelity/index.js";
import type { Model } from "../../src/ir/index.js";
import { chooseDynamicLayers, type DynamicSpace, type IsNoSlower } from "../../src/search/dynamic-layers.js";
import { matMulModel } from "../support/mat-mul-model.js";

const chosenIn = (model: Model): string[] => model.docString!.split(",").filter(Boolean);

/** Layers that add their noise while their ranges are fixed. A model is known by its doc string. */
function spaceOf(noises: Readonly<Record<string, number>>): DynamicSpace {
  const layers = Object.keys(noises);
  return {
    layers,
    build: (chosen) => Promise.resolve({ ...matMulModel(), docString: chosen.join() }),
    score: (model) => {
      const chosen = chosenIn(model);
      const noise = 1e-4 + layers.reduce((sum, name) => sum + (chosen.includes(name) ? 0 : noises[name]!), 0);
      return Promise.resolve(scoredAt(-10 * Math.log10(noise)));
    },
  };
}

/** The same on each of a few samples. */
const scoredAt = (db: number): SampleScores => ({ db, perSample: [db, db, db, db], isAtFloor: true });

const yes: IsNoSlower = () => Promise.resolve(true);

describe("chooseDynamicLayers", () => {
  it("takes the layers whose fixed ranges cost something, together", async () => {
    const choice = await chooseDynamicLayers(spaceOf({ a: 1e-3, b: 1e-7, c: 4e-4 }), Infinity, yes);
    expect(choice.layers).toEqual(["a", "c"]);
    expect([choice.beforeDb, choice.afterDb].map((db) => db.toFixed(2))).toEqual(
      [1.5001e-3, 1.001e-4].map((noise) => (-10 * Math.log10(noise)).toFixed(2)),
    );
  });

  it("takes them only where the model is no slower for it", async () => {
    const asked: (readonly string[])[] = [];
    const no: IsNoSlower = (before, after, layers) => {
      asked.push(chosenIn(before), chosenIn(after), layers);
      return Promise.resolve(false);
    };
    expect((await chooseDynamicLayers(spaceOf({ a: 1e-3, b: 1e-7 }), Infinity, no)).layers).toEqual([]);
    expect(asked).toEqual([[], ["a"], ["a"]]);
  });

  it("takes none that gain one by one and lose together", async () => {
    const space = spaceOf({ a: 1e-3, b: 1e-3 });
    const score = (model: Model): Promise<SampleScores> =>
      chosenIn(model).length > 1 ? Promise.resolve(scoredAt(0)) : space.score(model);
    expect((await chooseDynamicLayers({ ...space, score }, Infinity, yes)).layers).toEqual([]);
  });

  it("measures no layer once the time is up", async () => {
    expect((await chooseDynamicLayers(spaceOf({ a: 1e-3 }), -Infinity, yes)).layers).toEqual([]);
  });
});
