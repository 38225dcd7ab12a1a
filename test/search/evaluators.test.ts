import { expect, it } from "vitest";
import { steadyMedians } from "../../src/search/evaluators.js";

it("compares models within rounds, so that a machine that slows down favours none", () => {
  // The second takes half of the first, the third 1.5 of it, while the machine slows down fourfold; one run
  // of the second was disturbed.
  const base = [1, 1, 4, 4, 4];
  const times = [base, base.map((ms, round) => (round === 2 ? 40 : ms / 2)), base.map((ms) => 1.5 * ms)];
  expect(steadyMedians(times.map((samplesMs) => ({ samplesMs })))).toEqual([4, 2, 6]);
});
