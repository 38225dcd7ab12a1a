import { expect, it } from "vitest";
import type { Dataset } from "../../src/data/index.js";
import { copyModel, floatTensor, GraphEditor, makeNode, type Model } from "../../src/ir/index.js";
import type { StatisticRequest } from "../../src/numeric/statistics.js";
import { MeasurementCache } from "../../src/run/measurements.js";
import { processOfFile } from "../support/calibrating.js";
import { dataset, feed, model } from "../support/feed-models.js";

const process = processOfFile();

/** y = x + b. */
const shifted = (by: number): Model =>
  model(["n"], [makeNode("Add", ["x", "b"], ["y"])], [floatTensor("b", [], Float32Array.of(by))]);
const RANGE: StatisticRequest = { kind: "range", tensor: "y" };
const HISTOGRAM: StatisticRequest = { kind: "histogram", tensor: "y" };

/** Samples 1 and 2, and how often they were read from the first on. */
function counted(): { data: Dataset; reads: () => number } {
  const [data, seen] = [dataset([feed([1], [1]), feed([1], [2])]), { reads: 0 }];
  return { data: { ...data, samples: () => (seen.reads++, data.samples()) }, reads: () => seen.reads };
}

it("answers from what was measured of the same model, in whatever order it is asked", async () => {
  const { data, reads } = counted();
  const measurements = new MeasurementCache({});
  const m = shifted(1);
  const first = await measurements.measure(
    { process, model: m, dataset: data, requests: [RANGE, HISTOGRAM] },
    "all",
  );
  expect(first.get(RANGE)).toMatchObject({ min: 2, max: 3 });
  const once = reads();
  expect(
    await measurements.measure(
      { process, model: copyModel(m), dataset: data, requests: [HISTOGRAM, RANGE, RANGE] },
      "all",
    ),
  ).toBe(first);
  expect(reads()).toBe(once);
});

it("measures another model, other data and other requests", async () => {
  const { data } = counted();
  const measurements = new MeasurementCache({});
  const m = shifted(1);
  const before = await measurements.measure({ process, model: m, dataset: data, requests: [RANGE] }, "all");
  const moved = copyModel(m);
  GraphEditor.forMainGraph(moved).replaceInitializer(floatTensor("b", [], Float32Array.of(5)));
  expect(
    (await measurements.measure({ process, model: moved, dataset: data, requests: [RANGE] }, "all")).get(
      RANGE,
    ),
  ).toMatchObject({ min: 6, max: 7 });
  const part = dataset([feed([1], [2])]);
  expect(
    (await measurements.measure({ process, model: m, dataset: part, requests: [RANGE] }, "one")).get(RANGE),
  ).toMatchObject({ min: 3, max: 3 });
  expect(
    (
      await measurements.measure({ process, model: m, dataset: data, requests: [RANGE, HISTOGRAM] }, "all")
    ).get(HISTOGRAM),
  ).toBeDefined();
  expect(await measurements.measure({ process, model: m, dataset: data, requests: [RANGE] }, "all")).toBe(
    before,
  );
});

it("forgets the oldest of many models", async () => {
  const { data, reads } = counted();
  const measurements = new MeasurementCache({});
  const models = Array.from({ length: 9 }, (_, k) => shifted(k));
  for (const m of models)
    await measurements.measure({ process, model: m, dataset: data, requests: [RANGE] }, "all");
  const before = reads();
  await measurements.measure({ process, model: models[8]!, dataset: data, requests: [RANGE] }, "all");
  expect(reads()).toBe(before);
  await measurements.measure({ process, model: models[0]!, dataset: data, requests: [RANGE] }, "all");
  expect(reads()).toBeGreaterThan(before);
});

it("keeps no Gram matrices", async () => {
  const { data, reads } = counted();
  const measurements = new MeasurementCache({});
  const m = shifted(1);
  const gram: StatisticRequest = { kind: "gram", tensor: "y", layout: { type: "lastAxis" } };
  await measurements.measure({ process, model: m, dataset: data, requests: [gram] }, "all");
  const once = reads();
  await measurements.measure({ process, model: m, dataset: data, requests: [gram] }, "all");
  expect(reads()).toBe(2 * once);
});
