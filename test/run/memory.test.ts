import { describe, expect, it, vi } from "vitest";
import { memoryShortage } from "../../src/run/memory.js";

describe("memoryShortage", () => {
  it("says how much the two models need", () => {
    expect(memoryShortage(3e9, 8e9, () => 9.6e9)).toBe(
      "running it together with the original takes about 9.60 GB of memory, and only 8.00 GB are free",
    );
    expect(memoryShortage(3e9, 9.7e9, () => 9.6e9)).toBeUndefined();
  });

  it("never keeps a small model from being checked, nor looks at it for that", () => {
    const needed = vi.fn(() => 1e12);
    expect(memoryShortage(9e8, 1, needed)).toBeUndefined();
    expect(needed).not.toHaveBeenCalled();
  });
});
