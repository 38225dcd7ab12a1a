import { describe, expect, it } from "vitest";
import { memoryShortage } from "../../src/run/memory.js";

describe("memoryShortage", () => {
  it("is of both models together", () => {
    expect(memoryShortage(2e9, 6.3e9)).toMatch(/takes about 6.4\d* GB .* only 6.3\d* GB are free/);
    expect(memoryShortage(2e9, 6.5e9)).toBeUndefined();
    expect(memoryShortage(2e9, 6.5e9, () => 10e9)).toMatch(/takes about 13.2\d* GB/);
    expect(memoryShortage(2e9, 4e9, () => 0.5e9)).toBeUndefined();
  });

  it("never keeps a small model from being checked", () => {
    expect(memoryShortage(9e8, 1, () => 1e12)).toBeUndefined();
  });
});
