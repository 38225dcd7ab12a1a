import { expect, it } from "vitest";
import type { Diagnostic } from "../../src/diagnostics.js";
import { compress } from "../../src/compress/compress.js";
import type { CompressOptions } from "../../src/plan/compress-options.js";
import { splitCalibration } from "../../src/run/split-calibration.js";
import { dataset, feed } from "../support/feed-models.js";
import { matMulModel } from "../support/mat-mul-model.js";
import type { Plan } from "../../src/plan/plan-types.js";

const judged: Plan = [{ passes: [], untilStable: false, reason: "test", validateAfter: "quantize-int8" }];
const plain: Plan = [{ passes: [], untilStable: false, reason: "test" }];
const samples = (count: number, sized = true) =>
  dataset(
    Array.from({ length: count }, (_, k) => feed([1, 2], [k, k])),
    sized,
  );

function learn(plan: Plan, data: ReturnType<typeof samples> | undefined) {
  const told: Diagnostic[] = [];
  return {
    ...splitCalibration(data, plan, matMulModel(), {
      seed: 0,
      threads: 1,
      logger: { diagnostic: (diagnostic) => void told.push(diagnostic) },
    }),
    told,
  };
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
  expect(told).toEqual([
    {
      id: "compress/not-judged",
      severity: "warning",
      message:
        "int8 was not tuned for accuracy and speed: this needs at least " +
        '8 calibration samples (11 without "eval"), and the data has 7. Add samples, or skip ' +
        'the tuning with effort: "fast".',
    },
  ]);
});

it("takes a stream of unknown size for long enough, and no data for none", () => {
  expect(typeof learn(judged, samples(3, false)).scorer).toBe("function");
  expect(learn(judged, undefined)).toEqual({ dataset: undefined, told: [] });
});

it("of a run in which nothing learns is told, with the samples that were held out all the same", async () => {
  const told = async (options: CompressOptions): Promise<string | undefined> => {
    const { report } = await compress(matMulModel(), { calib: samples(8), ...options });
    return report.warnings.find(({ id }) => id === "compress/idle-calibration")?.message;
  };
  const plainly = "Calibration data was given, but none of the passes that ran learns from data.";
  expect(await told({})).toBe(
    `${plainly} The models were compared on 2 samples of it, which every run holds out ` +
      'for the comparison. To compare on all of it, give it with "eval" instead of "calib".',
  );
  expect(await told({ eval: samples(3) })).toBe(plainly);
  expect(await told({ verify: false })).toBe(plainly);
});
