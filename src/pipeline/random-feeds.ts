/** Made-up inputs from a seed, for a comparison when there is no data. */
import type { Dataset, ModelInputs } from "../data/index.js";
import { DataType, dataTypeName, type Feed, type NumericArray, type TensorValue, type ValueInfo } from "../ir/index.js";

const SAMPLES = 8;
/** What a dimension of unknown size is taken as: the first is mostly the batch, others lengths. */
const UNKNOWN_FIRST = 1;
const UNKNOWN_OTHER = 16;
/** Elements of one input; a model that declares more is not fed by guesswork. */
const LARGEST = 2 ** 26;

/**
 * Feeds with floats uniform in [0, 1) and integers 0 or 1, which are valid as indices and masks alike; the same
 * numbers on every machine. A reason in words when the inputs do not say enough to make any up.
 */
export function randomDataset(inputs: ModelInputs, seed: number): Dataset | string {
  for (const input of inputs) {
    const reason = whyNot(input);
    if (reason) return `input "${input.name}" ${reason}`;
  }
  return {
    name: `random feeds (seed ${seed})`, size: SAMPLES, hasLabels: false,
    async *samples() {
      const random = mulberry32(seed);
      for (let i = 0; i < SAMPLES; i++) yield { feed: randomFeed(inputs, random) };
    },
  };
}

function whyNot({ type }: ValueInfo): string | undefined {
  if (!type?.tensor) return "is not declared as a tensor";
  const { elementType, shape } = type.tensor;
  if (!shape) return "does not declare its rank";
  if (!makeArray(elementType, 0)) return `is of type ${dataTypeName(elementType)}, which is not made up`;
  return sizes(shape).reduce((product, size) => product * size, 1) > LARGEST ? "is too large to be made up" : undefined;
}

function randomFeed(inputs: ModelInputs, random: () => number): Feed {
  return Object.fromEntries(inputs.map(({ name, type }) => {
    const dataType = type?.tensor?.elementType ?? DataType.FLOAT;
    const dims = sizes(type?.tensor?.shape ?? []);
    return [name, randomValue(dataType, dims, random)];
  }));
}

function randomValue(dataType: number, dims: readonly number[], random: () => number): TensorValue {
  const count = dims.reduce((product, size) => product * size, 1);
  const data = makeArray(dataType, count) ?? new Float32Array(count);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) for (let i = 0; i < count; i++) data[i] = random() < 0.5 ? 0n : 1n;
  else if (data instanceof Float32Array || data instanceof Float64Array) for (let i = 0; i < count; i++) data[i] = random();
  // 0x3c00 and 0x3f80 are 1 in half and bfloat16.
  else if (dataType === DataType.FLOAT16 || dataType === DataType.BFLOAT16) for (let i = 0; i < count; i++) data[i] = random() < 0.5 ? 0 : dataType === DataType.FLOAT16 ? 0x3c00 : 0x3f80;
  else for (let i = 0; i < count; i++) data[i] = random() < 0.5 ? 0 : 1;
  return { dataType, dims, data };
}

function sizes(shape: readonly (number | string | undefined)[]): number[] {
  return shape.map((dimension, axis) => (typeof dimension === "number" && dimension > 0 ? dimension : axis === 0 ? UNKNOWN_FIRST : UNKNOWN_OTHER));
}

function makeArray(dataType: number, count: number): NumericArray | undefined {
  switch (dataType) {
    case DataType.FLOAT: return new Float32Array(count);
    case DataType.DOUBLE: return new Float64Array(count);
    case DataType.INT64: return new BigInt64Array(count);
    case DataType.UINT64: return new BigUint64Array(count);
    case DataType.INT32: return new Int32Array(count);
    case DataType.UINT32: return new Uint32Array(count);
    case DataType.INT16: return new Int16Array(count);
    case DataType.UINT16: case DataType.FLOAT16: case DataType.BFLOAT16: return new Uint16Array(count);
    case DataType.INT8: return new Int8Array(count);
    case DataType.UINT8: case DataType.BOOL: return new Uint8Array(count);
    default: return undefined;
  }
}

/** A small generator with a full 2^32 period (Tommy Ettinger's mulberry32), the same in every engine. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
