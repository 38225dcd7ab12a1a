/** Inputs of layers that solvers read from files are those that are handed over in memory. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { readInputs, withInputsRead } from "../../src/calibration/layer-inputs.js";
import { writeGram } from "../../src/calibration/moments-file.js";
import type { MeasuredGram } from "../../src/numeric/statistics.js";
import { measuredInputs, sampledInputs } from "../../src/solver/index.js";
import { normalArray } from "../support/seeded.js";

const folder = mkdtempSync(join(tmpdir(), "layer-inputs-"));
afterAll(() => rmSync(folder, { recursive: true }));

const [size, rows] = [9, 4];
const means = [new Float64Array(size).fill(0.5), new Float64Array(size).fill(-2)];
const values = (seed: number, count: number): number[] =>
  [...normalArray(count, seed)].map((x) => 1 + x ** 2);
const gram = (more: Partial<MeasuredGram>): MeasuredGram => ({ size, rows, means, matrices: [], ...more });

it.each(["doubles", "singles"])("reads each group of matrices in %s", (form) => {
  const matrices = [1, 2].map((seed) =>
    form === "doubles"
      ? Float64Array.from(values(seed, size ** 2))
      : Float32Array.from(values(seed, size ** 2)),
  );
  const file = writeGram(gram({ matrices }), join(folder, form));
  expect(file.form).toBe(form);
  for (const group of [0, 1])
    expect(readInputs({ file, group })).toEqual(
      measuredInputs(size, new Float64Array(matrices[group]!), means[group]!, rows),
    );
});

it("reads rows, for the routine that asks for them", () => {
  const samples = [3, 4].map((seed) => Float32Array.from(values(seed, rows * size)));
  const file = writeGram(gram({ samples }), join(folder, "rows"));
  const layer = { weights: new Float32Array(size), rows: 1, columns: size };
  const system = { ridge: 0.01, centred: true };
  const [read] = withInputsRead<"measureRemovals">([
    { ...layer, system, inputs: [{ file, group: 1 }, undefined] },
  ]);
  expect(read.inputs).toEqual([sampledInputs(size, samples[1]!, means[1]!), undefined]);
});

it("finds nothing in inputs that are all zero", () => {
  const file = writeGram(gram({ matrices: [new Float64Array(size ** 2)] }), join(folder, "zero"));
  expect(readInputs({ file, group: 0 })).toBeUndefined();
});
