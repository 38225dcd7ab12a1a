import { describe, expect, it } from "vitest";
import { gateLimits } from "../../src/pipeline/gate-limits.js";

describe("gateLimits", () => {
  it("takes a drop of top-1 as a share, which is measured in points", () => {
    expect(gateLimits({ maxDrop: 0.005, minSqnr: 30 })).toEqual({ maxDrop: 0.5, minSqnrDb: 30 });
  });

  it("refuses points", () => {
    expect(() => gateLimits({ maxDrop: 1 })).toThrow("0.01 is one percentage point");
  });

  it("leaves a drop in a module's own unit as it is", () => {
    expect(gateLimits({ maxDrop: 2, metric: "./wer.mjs" })).toEqual({ maxDrop: 2 });
  });
});
