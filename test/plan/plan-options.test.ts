import { describe, expect, it } from "vitest";
import type { CompressOptions } from "../../src/plan/compress-options.js";
import { planOptions, storeOnlyOptions } from "../../src/plan/plan-options.js";
import { planPasses } from "../../src/plan/plan.js";
import { matMulModel } from "../support/mat-mul-model.js";

describe("planOptions", () => {
  it("turns typed options into the text of flags", () => {
    expect(planOptions({ prune: 0.3, int8: true, cluster: 16, storage: "plain" }).flags).toEqual({
      prune: "0.3",
      int8: "",
      cluster: "16",
      storage: "plain",
    });
  });

  it("takes --storage int8 for storing alone", () => {
    expect(planOptions({ storage: "int8" })).toMatchObject({ flags: {}, storeOnly: true });
    expect(() => planOptions({ storage: "int8", int8: true })).toThrow("Give one of them");
  });
});

it("keeps chains outside functions for a runtime that does not fold them there, on the way back too", () => {
  expect(planOptions({ int8: true, minOrt: "1.16" }).shared).toEqual({ functions: false });
  expect(storeOnlyOptions(planOptions({ int8: true, minOrt: "1.16" }))).toMatchObject({
    shared: { functions: false },
  });
  expect(planOptions({ int8: true, minOrt: "1.17" }).shared).toEqual({});
});

it("names all forms of storage when given another", () => {
  expect(() => planOptions({ flags: { storage: "int" } })).toThrow(
    '"storage" must be auto, plain or int8, not "int". Did you mean "int8"?',
  );
});

describe("effort", () => {
  it("is balanced unless asked for", () => {
    expect(planOptions({ int8: true }).effort).toBe("balanced");
    expect(planOptions({ int8: true, effort: "best" }).effort).toBe("best");
  });

  it("refuses a level that does not exist, with the nearest", () => {
    expect(() => planOptions({ int8: true, effort: "beast" as never })).toThrow(
      '"effort" must be one of fast, balanced, best, not "beast". Did you mean "best"?',
    );
  });

  it.each<[string, Parameters<typeof planOptions>[0]]>([
    ["without int8", { prune: 0.3 }],
    ["with passes that are named", { int8: true, passes: "quantize-int8" }],
  ])("has no effect %s, and says so", (_, options) => {
    expect(() => planOptions({ ...options, effort: "best" })).toThrow(
      '"effort" only affects the accuracy of "int8", so it has no effect here',
    );
  });
});

describe("the time budget of a search", () => {
  it.each<[string, Parameters<typeof planOptions>[0]]>([
    ["the best effort", { effort: "best" }],
    ["a gate on accuracy", { minSqnr: 30 }],
  ])("goes with %s", (_, options) => {
    expect(planOptions({ int8: true, ...options, timeBudget: 5 }).timeBudget).toBe(5);
  });

  it("has no effect where nothing is searched, and says so", () => {
    expect(() => planOptions({ int8: true, timeBudget: 5 })).toThrow('"timeBudget" limits the search');
    expect(() => planOptions({ prune: 0.3, minSqnr: 30, timeBudget: 5 })).toThrow(
      '"timeBudget" limits the search',
    );
  });

  it("has no place where decisions are repeated", () => {
    expect(() => planOptions({ int8: true, effort: "best", timeBudget: 5, replay: "report.json" })).toThrow(
      '"timeBudget" limits a search, but "replay" repeats decisions without searching.',
    );
  });

  it("must be positive", () => {
    expect(() => planOptions({ int8: true, effort: "best", timeBudget: 0 })).toThrow(
      '"timeBudget" must be positive, not 0 s.',
    );
  });
});

describe("storeOnlyOptions", () => {
  it("is the way back from int8 arithmetic", () => {
    expect(
      storeOnlyOptions(planOptions({ int8: true, prune: 0.3, calibrator: "mse", weightBits: 4 })),
    ).toEqual({ flags: { prune: "0.3" }, storeOnly: true });
    expect(storeOnlyOptions(planOptions({ prune: 0.3 }))).toBeUndefined();
    expect(storeOnlyOptions(planOptions({ int8: true, storage: "plain" }))).toBeUndefined();
  });
});

describe("the floor", () => {
  const goalOf = (options: CompressOptions): unknown =>
    planPasses(matMulModel(), planOptions(options)).find(({ search }) => search?.accuracy)?.search?.accuracy
      ?.goal;

  it("is held by default, and replaced by a limit on accuracy", () => {
    expect(goalOf({ int8: true })).toBe("floor");
    expect(goalOf({ int8: true, minSqnr: 30 })).toBe("gates");
    expect(goalOf({ int8: true, effort: "best" })).toBe(32);
  });

  it("can be taken away, and is none at effort fast", () => {
    expect(goalOf({ int8: true, floor: false })).toBeUndefined();
    expect(goalOf({ int8: true, effort: "fast" })).toBeUndefined();
  });

  it("cannot be taken away where nothing becomes int8", () => {
    expect(() => planOptions({ prune: 0.3, floor: false })).toThrow("these options plan no int8");
  });
});
