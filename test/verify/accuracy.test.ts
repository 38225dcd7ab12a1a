import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Label } from "../../src/data/dataset.js";
import type { TensorValue } from "../../src/ir/index.js";
import { loadMetric, topK, type Metric } from "../../src/verify/index.js";
import { floats, int64s, y } from "../fidelity/tiny-values.js";

const folder = mkdtempSync(join(tmpdir(), "edgec-metric-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function score(
  metric: Metric,
  ...samples: readonly (readonly [TensorValue, Label])[]
): Promise<number> {
  const meter = metric.create();
  samples.forEach(([output, label], index) => meter.observe(y(output), label, `sample ${index} of data.npz`));
  return await meter.result();
}

test("top-1 is the percentage of samples whose label has the largest score", async () => {
  expect(
    await score(
      topK(1),
      [floats([0, 1], [1, 2]), 1],
      [floats([0, 1], [1, 2]), 0],
      [floats([2, 1], [1, 2]), 0],
      [floats([2, 1], [1, 2]), 0],
    ),
  ).toBe(75);
});

test("top-2 accepts the second largest", async () => {
  const scores = floats([3, 2, 1], [1, 3]);
  expect(await score(topK(2), [scores, 0], [scores, 1], [scores, 2])).toBeCloseTo(200 / 3, 12);
});

test("among equal scores the lower index comes first, and NaN is never right", async () => {
  expect(await score(topK(1), [floats([1, 1], [1, 2]), 0], [floats([1, 1], [1, 2]), 1])).toBe(50);
  expect(await score(topK(2), [floats([NaN, 1], [1, 2]), 0])).toBe(0);
});

test("a batch has a label for each row", async () => {
  expect(await score(topK(1), [floats([0, 1, 1, 0], [2, 2]), [1, 1]])).toBe(50);
});

test("labels and outputs that do not fit give errors that say where and what to do", async () => {
  await expect(score(topK(1), [floats([0, 1], [1, 2]), 2])).rejects.toThrow(
    "sample 0 of data.npz: label 2 is not a class index from 0 to 1",
  );
  await expect(score(topK(1), [floats([0, 1], [1, 2]), "cat"])).rejects.toThrow(
    'give a metric module with "metric"',
  );
  await expect(score(topK(1), [int64s(1, 2), 1])).rejects.toThrow(
    'the model gives y [2]. Give a metric module with "metric".',
  );
});

test("a user's module with a default function gets all samples", async () => {
  const metric = await loadMetric(
    moduleOf(`
    export const name = "mean error";
    export const higherIsBetter = false;
    const error = ({ outputs, label }) => Math.abs(outputs.y.data[0] - label);
    export default (samples) => samples.reduce((sum, sample) => sum + error(sample), 0) / samples.length;
  `),
  );
  expect(metric).toMatchObject({ name: "mean error", higherIsBetter: false });
  expect(await score(metric, [floats([1]), 2], [floats([5]), 2])).toBe(2);
});

test("a user's module may stream, and finish asynchronously", async () => {
  const metric = await loadMetric(
    moduleOf(`
    export function create() {
      let sum = 0;
      return { observe(outputs, label) { sum += label; }, async result() { return sum; } };
    }
  `),
  );
  expect(metric.higherIsBetter).toBe(true);
  expect(await score(metric, [floats([0]), 1], [floats([0]), 2])).toBe(3);
});

test("an error of a user module names its path", async () => {
  await expect(loadMetric("./missing.mjs")).rejects.toMatchObject({
    code: "BAD_OPTION",
    message: expect.stringContaining(
      '"./missing.mjs" is neither built in (top-1, top-5) nor a loadable module',
    ) as string,
  });
  await expect(loadMetric(moduleOf("export const name = 1;"))).rejects.toThrow(
    "export default function metric(samples)",
  );
  await expect(
    score(await loadMetric(moduleOf("export default () => 'good';")), [floats([0]), 1]),
  ).rejects.toThrow("returned good; it must return a finite number");
  const throwing = await loadMetric(
    moduleOf("export const create = () => ({ observe() { throw new Error('oh'); }, result: () => 0 });"),
  );
  await expect(score(throwing, [floats([0]), 1])).rejects.toThrow(
    /metric .*\.mjs failed on sample 0 of data.npz: oh/,
  );
});

let modules = 0;
function moduleOf(source: string): string {
  const path = join(folder, `metric-${modules++}.mjs`);
  writeFileSync(path, source);
  return path;
}
