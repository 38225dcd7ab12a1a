import { expect, it } from "vitest";
import type { Diagnostic } from "../../src/diagnostics.js";
import { learningData } from "../../src/run/split-calibration.js";
import { dataset, feed } from "../calibration/tiny-models.js";
import { matMulModel } from "../compress/tiny-model.js";
import type { Plan } from "../../src/plan/plan-types.js";

const judged: Plan = [{ passes: [], untilStable: false, reason: "test", validateAfter: "quantize-int8" }];
const plain: Plan = [{ passes: [], untilStable: false, reason: "test" }];
const samples = (count: number, sized = true) => dataset(Array.from({ length: count }, (_, k) => feed([1, 2], [k, k])), sized);

function learn(plan: Plan, data: ReturnType<typeof samples> | undefined) {
  const told: Diagnostic[] = [];
  return { ...learningData(data, plan, matMulModel(), { seed: 0, threads: 1, logger: { diagnostic: (diagnostic) => void told.push(diagnostic) } }), told };
}

it("keeps a quarter of the samples apart where steps must prove themselves", () => {
  const { dataset: rest, scorer, told } = learn(judged, samples(8));
  expect([rest?.size, typeof scorer, told]).toEqual([6, "function", []]);
});

it("takes all of them otherwise", () => {
  const { dataset: rest, scorer, told } = learn(plain, samples(8));
  expect([rest?.size, scorer, told]).toEqual([8, undefined, []]);
});

it("says so where there are too few to keep some apart", () => {
  const { dataset: rest, scorer, told } = learn(judged, samples(7));
  expect([rest?.size, scorer]).toEqual([7, undefined]);
  expect(told).toEqual([{
    id: "compress/not-judged", severity: "warning",
    message: "int8 was not tuned for accuracy and speed: 7 calibration samples are too few to keep some apart that decide what helps. Give 8 or more, without --eval 11 or more; or --effort fast, to say that it is not wanted.",
  }]);
});

it("takes a stream of unknown size for long enough, and no data for none", () => {
  expect(typeof learn(judged, samples(3, false)).scorer).toBe("function");
  expect(learn(judged, undefined)).toEqual({ dataset: undefined, told: [] });
});
