import { describe, expect, it } from "vitest";
import { gateLimits } from "../../src/plan/gate-limits.js";

describe("gateLimits", () => {
  it("takes a drop of top-1 as a share, which is measured in points", () => {
    expect(gateLimits({ maxDrop: 0.005, minSqnr: 30 })).toEqual({ maxDrop: 0.5, minSqnrDb: 30 });
  });

  it("refuses points", () => {
    expect(() => gateLimits({ maxDrop: 1 })).toThrow("0.01 is one percentage point");
  });

  it("takes a slowdown as a share, which is measured as a ratio, and the others as they are", () => {
    expect(gateLimits({ minAgreement: 0.99, maxSlowdown: 0, maxSize: 705_000 })).toEqual({
      minAgreement: 0.99,
      maxSlowdown: 1,
      maxSize: 705_000,
    });
  });

  it("refuses percentages, ratios and sizes that limit nothing", () => {
    expect(() => gateLimits({ minAgreement: 99 })).toThrow('"minAgreement" must be a share from 0 to 1');
    expect(() => gateLimits({ maxSlowdown: 1.05 })).toThrow("0.05 allows 5 % slower");
    expect(() => gateLimits({ maxSize: 0 })).toThrow("a whole number of bytes");
    expect(() => gateLimits({ maxSize: NaN })).toThrow("a whole number of bytes");
  });

  it("leaves a drop in a module's own unit as it is", () => {
    expect(gateLimits({ maxDrop: 2, metric: "./wer.mjs" })).toEqual({ maxDrop: 2 });
  });
});
