import { describe, expect, it } from "vitest";
import { FUSION_PASSES } from "../../src/passes/graph/fusion-passes.js";
import { RECIPE } from "../../src/plan/recipe.js";
import { PASSES } from "../../src/plan/registry.js";
import { flagKey } from "../../src/plan/registered-pass.js";

const RECIPE_NAMES = RECIPE.flatMap((step) => step.passes);

describe("the recipe", () => {
  it("names only passes of the registry, and all but those that are for those who ask", () => {
    const onDemand = FUSION_PASSES.filter(({ inEveryRecipe }) => !inEveryRecipe).map(
      ({ pass }) => pass.definition.name,
    );
    expect(new Set([...RECIPE_NAMES, ...onDemand])).toEqual(new Set(PASSES.map((pass) => pass.name)));
    expect(RECIPE_NAMES.filter((name) => onDemand.includes(name))).toEqual([]);
  });

  it("encodes last, as nothing may read weights after it", () => {
    expect(RECIPE_NAMES.at(-1)).toBe("encode-weights");
  });

  it("gives a reason for every place", () => {
    for (const step of RECIPE) expect(step.reason.length).toBeGreaterThan(10);
  });
});

describe("the registry", () => {
  it("has unique names and flags", () => {
    const names = PASSES.map((pass) => pass.name);
    const flags = PASSES.flatMap((pass) => (pass.flag ? [flagKey(pass.flag)] : []));
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(flags).size).toBe(flags.length);
  });

  it("binds every pass with its defaults alone", () => {
    for (const pass of PASSES) expect(pass.bind().name).toBe(pass.name);
  });
});
