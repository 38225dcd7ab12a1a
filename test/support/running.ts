/** Running models before and after a pass in onnxruntime, and comparing what they give. */
import {
  DataType,
  halfToFloat,
  type Feed,
  type Model,
  type Tensor,
  type TensorValue,
} from "../../src/ir/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import type { ConstantEvaluator, Pass, PassContext, PassResult } from "../../src/passes/contract.js";
import { loadRuntime, type OptimizationLevel } from "../../src/runtime/index.js";

/** Runs the model as written, without onnxruntime's own optimizations. */
export async function run(
  model: Model,
  feed: Feed,
  optimization: OptimizationLevel = "disabled",
): Promise<Feed> {
  const session = await (await loadRuntime()).open(encodeModelBytes(model), { optimization });
  try {
    return await session.run(feed);
  } finally {
    await session.release();
  }
}

/** The evaluator of constant folding, in this process. What onnxruntime refuses is absent. */
export const EVALUATOR: ConstantEvaluator = {
  async evaluate(model) {
    try {
      return new Map(Object.entries(await run(model, {})).flatMap(([name, value]) => asTensor(name, value)));
    } catch {
      return new Map<string, Tensor>();
    }
  },
};

function asTensor(name: string, { dataType, dims, data }: TensorValue): [string, Tensor][] {
  if (!ArrayBuffer.isView(data)) return [];
  return [
    [
      name,
      {
        name,
        dataType,
        dims: [...dims],
        raw: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice(),
      },
    ],
  ];
}

export const CONTEXT: PassContext = { statistics: undefined, evaluator: EVALUATOR, seed: 0 };

/** The passes in order, again and again until none changes the model; the number of rounds. */
export async function untilStable(
  model: Model,
  passes: readonly Pass[],
  context: PassContext = CONTEXT,
): Promise<number> {
  for (let round = 1; round <= 10; round++) {
    let results: PassResult[] = [];
    for (const pass of passes) results = [...results, await pass.run(model, context)];
    if (!results.some((result) => result.modified)) return round;
  }
  throw new Error("the passes do not come to rest");
}

/**
 * The largest difference between two sets of outputs: 0 when equal, Infinity when shapes, types or
 * non-numbers differ.
 */
export function difference(a: Feed, b: Feed): number {
  const names = Object.keys(a);
  if (names.join() !== Object.keys(b).join()) return Infinity;
  return Math.max(0, ...names.map((name) => valueDifference(a[name]!, b[name]!)));
}

export function valueDifference(a: TensorValue, b: TensorValue): number {
  if (a.dataType !== b.dataType || a.dims.join() !== b.dims.join() || a.data.length !== b.data.length)
    return Infinity;
  const [x, y] = [numbers(a), numbers(b)];
  let largest = 0;
  for (let k = 0; k < x.length; k++) {
    if (x[k] === y[k] || (Number.isNaN(x[k]) && Number.isNaN(y[k]))) continue;
    if (
      typeof x[k] !== "number" ||
      typeof y[k] !== "number" ||
      !Number.isFinite(x[k]) ||
      !Number.isFinite(y[k])
    )
      return Infinity;
    largest = Math.max(largest, Math.abs((x[k] as number) - (y[k] as number)));
  }
  return largest;
}

function numbers({ dataType, data }: TensorValue): (number | string)[] {
  if (dataType === DataType.FLOAT16) return Array.from(data as Uint16Array, halfToFloat);
  return Array.from(data as ArrayLike<number | bigint | string>, (value) =>
    typeof value === "bigint" ? Number(value) : value,
  );
}

/** Numbers from -1 to 1 from a seed (Lehmer, 48271 mod 2^31 - 1). */
export function seededFloats(count: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 2 - 1;
  });
}

export function floats(
  dims: readonly number[],
  values: ArrayLike<number> = seededFloats(dims.reduce((product, dim) => product * dim, 1)),
): TensorValue {
  return { dataType: DataType.FLOAT, dims, data: Float32Array.from(values) };
}

export function int64s(dims: readonly number[], values: readonly number[]): TensorValue {
  return { dataType: DataType.INT64, dims, data: BigInt64Array.from(values, BigInt) };
}
