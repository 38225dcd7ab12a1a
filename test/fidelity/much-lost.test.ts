import { expect, it } from "vitest";
import { lossesOf, type OutputFidelity } from "../../src/fidelity/index.js";
import { outputFidelity } from "../support/output-fidelity.js";

const output = (fields: Partial<OutputFidelity>): OutputFidelity =>
  outputFidelity({ sqnrDb: 30, maxAbsError: 1, ...fields });
const isLost = (fields: Partial<OutputFidelity>, samples = 1000, isMadeUp = false): boolean =>
  lossesOf({ samples, outputs: { y: output(fields) } }, isMadeUp).length > 0;

it("judges values by 20 dB", () => {
  expect([19.9, 20, null].map((sqnrDb) => isLost({ sqnrDb }))).toEqual([true, false, false]);
});

it("judges class scores by 98 % of the answers, whatever the scores", () => {
  expect([0.979, 0.98].map((top1Agreement) => isLost({ top1Agreement, sqnrDb: 30 }))).toEqual([true, false]);
  expect(isLost({ top1Agreement: 0.99, sqnrDb: 13 })).toBe(false);
});

it("does not count a single changed answer among few, unless the scores are far off as well", () => {
  expect([
    isLost({ top1Agreement: 7 / 8 }, 8),
    isLost({ top1Agreement: 6 / 8 }, 8),
    isLost({ top1Agreement: 7 / 8, sqnrDb: 12 }, 8),
  ]).toEqual([false, true, true]);
});

it("does not trust the one class of random inputs", () => {
  expect([4, 25].map((sqnrDb) => isLost({ top1Agreement: 1, sqnrDb }, 1000, true))).toEqual([true, false]);
});

it("does not trust answers that agree on few samples, which cannot show 98 %", () => {
  expect([8, 49, 50].map((samples) => isLost({ top1Agreement: 1, sqnrDb: 5.6 }, samples))).toEqual([
    true,
    true,
    false,
  ]);
});

it("counts a different number of results as a loss in most samples, but not in some", () => {
  const lost = [16, 9, 8].map((otherSize) => isLost({ sqnrDb: null, otherSize }, 16));
  expect(lost).toEqual([true, true, false]);
});

it("judges labels and indices by agreement, and lets integers that are values be slightly off", () => {
  expect([
    isLost({ agreement: 0.9, sqnrDb: 8 }),
    isLost({ agreement: 0.9, sqnrDb: null }),
    isLost({ agreement: 0.6, sqnrDb: 45 }),
    isLost({ agreement: 0.99, sqnrDb: 8 }),
  ]).toEqual([true, true, false, false]);
});

it("skips outputs near zero", () => {
  expect(isLost({ sqnrDb: 0, nearZero: true })).toBe(false);
});

it("names every output that lost", () => {
  expect(
    lossesOf({
      samples: 9,
      outputs: { a: output({ sqnrDb: 3 }), b: output({}), c: output({ top1Agreement: 0.5 }) },
    }).map((loss) => loss.output),
  ).toEqual(["a", "c"]);
});
