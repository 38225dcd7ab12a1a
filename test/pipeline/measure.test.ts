import { expect, it } from "vitest";
import { memoryShortage } from "../../src/pipeline/measure.js";

it("does not run a large model where memory would run out, and says how much it takes", () => {
  expect(memoryShortage(3e9, 8e9)).toBe("running it and the original takes about 9.60 GB of memory, and 8.00 GB are free");
  expect(memoryShortage(3e9, 10e9)).toBeUndefined();
  expect(memoryShortage(0.9e9, 1e9)).toBeUndefined();
});
