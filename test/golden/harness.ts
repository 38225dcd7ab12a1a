/** Carries out the pass of a golden case, and runs its models. */
import { CalibrationProcess } from "../../src/calibration/process.js";
import type { Dataset } from "../../src/data/index.js";
import { DataType, floatToHalf, parseModel } from "../../src/ir/index.js";
import type { Feed, Model, TensorValue, ValueInfo } from "../../src/ir/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import type { PassResult } from "../../src/passes/contract.js";
import { PassRunner } from "../../src/pipeline/pass-runner.js";
import { findPass } from "../../src/pipeline/registry.js";
import { loadRuntime } from "../../src/runtime/index.js";
import { EVALUATOR, seededFloats } from "../passes/graph/running.js";
import type { GoldenCase } from "./case.js";

/** Samples of all cases are measured in one process. */
export const PROCESS = new CalibrationProcess();

/** Changes `model` as the pass does with the options and samples of the case. */
export async function apply(model: Model, golden: GoldenCase): Promise<PassResult> {
  const pass = findPass(golden.pass).bind(golden.options);
  const dataset = golden.samples === undefined ? undefined : datasetOf(model, golden.samples);
  const options = { dataset, evaluator: EVALUATOR, logger: {}, seed: 0, threads: 1 };
  const runner = new PassRunner(model, options, PROCESS);
  const statistics = dataset && await runner.measureAhead(pass);
  const reference = golden.reference === undefined ? {} : { reference: parseModel(golden.reference) };
  return pass.run(model, { ...runner.context(statistics), ...reference });
}

/** What a model makes of two sets of random inputs, the second of which has the opposite signs. */
export async function outputsOf(text: string): Promise<Feed[]> {
  const model = parseModel(text);
  const session = await (await loadRuntime()).open(encodeModelBytes(model), { optimization: "disabled" });
  try {
    return [await session.run(feedFor(model, 0, 1)), await session.run(feedFor(model, 0, -1))];
  } finally {
    await session.release();
  }
}

function datasetOf(model: Model, samples: NonNullable<GoldenCase["samples"]>): Dataset {
  const lists = typeof samples === "number" ? [] : Object.values(samples);
  const count = typeof samples === "number" ? samples : Math.max(...lists.map((values) => values.length));
  const feedOf = (k: number): Feed => {
    if (typeof samples === "number") return feedFor(model, k, 1);
    const values = (input: ValueInfo): Float32Array => Float32Array.from(samples[input.name]?.[k] ?? []);
    return Object.fromEntries(freeInputs(model).map((input) => [input.name, valueOf(input, values(input))]));
  };
  return {
    name: "golden", size: count, hasLabels: false,
    async *samples() {
      await Promise.resolve();
      for (let k = 0; k < count; k++) yield { feed: feedOf(k) };
    },
  };
}

/** Numbers from -1 to 1; symbols stand for 2. */
function feedFor(model: Model, seed: number, sign: number): Feed {
  return Object.fromEntries(freeInputs(model).map((input, k) => {
    const count = sizesOf(input).reduce((product, dim) => product * dim, 1);
    return [input.name, valueOf(input, seededFloats(count, 100 * seed + k + 1).map((value) => sign * value))];
  }));
}

/** Inputs without a default. */
function freeInputs({ graph }: Model): ValueInfo[] {
  const given = new Set(graph.initializers.map(({ name }) => name));
  return graph.inputs.filter(({ name }) => !given.has(name));
}

function sizesOf({ type }: ValueInfo): number[] {
  return (type?.tensor?.shape ?? []).map((dim) => (typeof dim === "number" ? dim : 2));
}

/** Integers are 0 or 1, so that they can be indices. */
function valueOf(input: ValueInfo, values: Float32Array): TensorValue {
  const dataType = input.type?.tensor?.elementType ?? DataType.FLOAT;
  const dims = sizesOf(input);
  const whole = values.map((value) => Math.round(Math.abs(value)));
  switch (dataType) {
    case DataType.FLOAT16: return { dataType, dims, data: Uint16Array.from(values, floatToHalf) };
    case DataType.DOUBLE: return { dataType, dims, data: Float64Array.from(values) };
    case DataType.INT64: return { dataType, dims, data: BigInt64Array.from(whole, BigInt) };
    case DataType.INT32: return { dataType, dims, data: Int32Array.from(whole) };
    case DataType.UINT8: return { dataType, dims, data: Uint8Array.from(whole) };
    case DataType.INT8: return { dataType, dims, data: Int8Array.from(whole) };
    case DataType.BOOL: return { dataType, dims, data: Uint8Array.from(values, (value) => Number(value > 0)) };
    default: return { dataType, dims, data: values };
  }
}
