/** Each folder here is named after a pass and holds models as text, before and after it. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { DataType, floatToHalf, parseModel, printModel, type Feed, type Model, type TensorValue, type ValueInfo } from "../../src/ir/index.js";
import { assertSound } from "../../src/ops/check-operators.js";
import { findPass, PASSES } from "../../src/pipeline/registry.js";
import { runPasses } from "../../src/pipeline/runner.js";
import { difference, EVALUATOR, run, seededFloats } from "../passes/graph/running.js";
import { casesOf, type GoldenCase } from "./case.js";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const folders = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name);

describe.each(folders)("%s", (folder) => {
  it.each(casesOf(FOLDER, folder).map((golden) => [golden.name, golden] as const))("%s", async (_, golden) => {
    const model = parseModel(golden.before);
    await apply(model, golden);
    expect(printModel(model)).toBe(printModel(parseModel(golden.after)));
    assertSound(model, golden.name);

    const again = parseModel(golden.after);
    await apply(again, golden);
    expect(printModel(again), "a second run changes nothing").toBe(printModel(parseModel(golden.after)));

    const feed = feedFor(parseModel(golden.before));
    const outputs = [golden.before, golden.after].map((text) => run(parseModel(text), feed));
    expect(difference((await outputs[0])!, (await outputs[1])!)).toBeLessThanOrEqual(golden.tolerance);
  });
});

it("has a folder for each pass", () => {
  expect(folders.sort()).toEqual(PASSES.map(({ name }) => name).sort());
});

async function apply(model: Model, golden: GoldenCase): Promise<void> {
  const pass = findPass(golden.pass).bind(golden.options);
  const plan = [{ passes: [pass], untilStable: false, reason: "golden" }];
  const dataset = golden.samples && datasetOf(model, golden.samples);
  await runPasses(model, plan, { dataset, evaluator: EVALUATOR, logger: {}, seed: 0, threads: 1, debug: true });
}

function datasetOf(model: Model, samples: NonNullable<GoldenCase["samples"]>) {
  const count = Math.max(...Object.values(samples).map((values) => values.length));
  const feedOf = (k: number): Feed => Object.fromEntries(model.graph.inputs.map((input) => [input.name, valueOf(input, Float32Array.from(samples[input.name]?.[k] ?? []))]));
  return {
    name: "golden", size: count, hasLabels: false,
    async *samples() {
      await Promise.resolve();
      for (let k = 0; k < count; k++) yield { feed: feedOf(k) };
    },
  };
}

/** Numbers from -1 to 1; symbols stand for 2. What initializers give is left to them. */
function feedFor(model: Model): Feed {
  const given = new Set(model.graph.initializers.map(({ name }) => name));
  return Object.fromEntries(model.graph.inputs.filter(({ name }) => !given.has(name)).map((input, k) => {
    const count = sizesOf(input).reduce((product, dim) => product * dim, 1);
    return [input.name, valueOf(input, seededFloats(count, k + 1))];
  }));
}

function sizesOf({ type }: ValueInfo): number[] {
  return (type?.tensor?.shape ?? []).map((dim) => (typeof dim === "number" ? dim : 2));
}

function valueOf(input: ValueInfo, values: Float32Array): TensorValue {
  const dataType = input.type?.tensor?.elementType ?? DataType.FLOAT;
  const dims = sizesOf(input);
  switch (dataType) {
    case DataType.FLOAT16: return { dataType, dims, data: Uint16Array.from(values, floatToHalf) };
    case DataType.INT64: return { dataType, dims, data: BigInt64Array.from(values, (value) => BigInt(Math.round(Math.abs(value)))) };
    case DataType.BOOL: return { dataType, dims, data: Uint8Array.from(values, (value) => Number(value > 0)) };
    default: return { dataType, dims, data: values };
  }
}
