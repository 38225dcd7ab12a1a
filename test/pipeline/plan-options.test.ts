import { describe, expect, it } from "vitest";
import { planOptions, storeOnlyOptions } from "../../src/pipeline/plan-options.js";

describe("planOptions", () => {
  it("turns typed options into the text of flags", () => {
    expect(planOptions({ prune: 0.3, int8: true, cluster: 16, storage: "plain" }).flags).toEqual({ prune: "0.3", int8: "", cluster: "16", storage: "plain" });
  });

  it("takes --storage int8 for storing alone", () => {
    expect(planOptions({ storage: "int8" })).toMatchObject({ flags: {}, storeOnly: true });
    expect(() => planOptions({ storage: "int8", int8: true })).toThrow("give one of them");
  });
});

it("keeps chains outside functions for a runtime that does not fold them there, on the way back too", () => {
  expect(planOptions({ int8: true, minOrt: "1.16" }).shared).toEqual({ functions: false });
  expect(storeOnlyOptions(planOptions({ int8: true, minOrt: "1.16" }))).toMatchObject({ shared: { functions: false } });
  expect(planOptions({ int8: true, minOrt: "1.17" }).shared).toEqual({});
});

it("names all forms of storage when given another", () => {
  expect(() => planOptions({ flags: { storage: "int" } })).toThrow('--storage takes auto, plain or int8, not "int". Did you mean "int8"?');
});

describe("storeOnlyOptions", () => {
  it("is the way back from int8 arithmetic", () => {
    expect(storeOnlyOptions(planOptions({ int8: true, prune: 0.3, calibrator: "mse", weightBits: 4 }))).toEqual({ flags: { prune: "0.3" }, storeOnly: true });
    expect(storeOnlyOptions(planOptions({ prune: 0.3 }))).toBeUndefined();
    expect(storeOnlyOptions(planOptions({ int8: true, storage: "plain" }))).toBeUndefined();
  });
});
