/**
 * Feeds written as plain JavaScript values: nested arrays (also from JSON), typed arrays, or { dims, data
 * }.
 */
import { BadDataError, suggestion } from "../errors.js";
import { DataType, type Dimension, type Feed, type NumericArray, type ValueInfo } from "../ir/index.js";
import { conform, describeInput, type RawArray, type Scalar } from "./conform.js";
import type { ModelInputs } from "./dataset.js";

const MAX_NESTING = 32;

/** Builds a feed from one record of values by input name. Throws BadDataError that starts with `where`. */
export function plainFeed(
  record: unknown,
  inputs: ModelInputs,
  where: string,
  ignored: readonly string[] = [],
): Feed {
  if (typeof record !== "object" || record === null || Array.isArray(record)) {
    throw new BadDataError(
      `${where}: expected an object of values by input name (${inputs.map((input) => input.name).join(", ")})`,
    );
  }
  const values = record as Record<string, unknown>;
  const names = inputs.map((input) => input.name);
  const unknown = Object.keys(values).find((key) => !names.includes(key) && !ignored.includes(key));
  if (unknown !== undefined) {
    throw new BadDataError(
      `${where}: the model has no input "${unknown}".${suggestion(unknown, names)} Its ` +
        `inputs are ${names.join(", ")}.`,
    );
  }
  return Object.fromEntries(
    inputs.map((input) => {
      if (!Object.hasOwn(values, input.name)) {
        throw new BadDataError(`${where}: input "${input.name}" (${describeInput(input)}) is missing`);
      }
      return [input.name, conform(rawArray(values[input.name], input, where), input, where)];
    }),
  );
}

function rawArray(value: unknown, input: ValueInfo, where: string): RawArray {
  if (isNumericArray(value)) return typedArray(value, input, where);
  if (Array.isArray(value) || isScalar(value)) return withBatch(nestedArray(value, input, where), input);
  const { dims, data } = (value ?? {}) as { dims?: unknown; data?: unknown };
  if (!Array.isArray(dims) || !dims.every((dim) => Number.isSafeInteger(dim) && (dim as number) >= 0)) {
    throw new BadDataError(
      `${where}: input "${input.name}" is neither an array, a typed array nor { dims, data ` +
        `}; expected ${describeInput(input)}`,
    );
  }
  const shape = dims as number[];
  const raw = isNumericArray(data)
    ? { dims: shape, dataType: typeOf(data, input), data }
    : { dims: shape, dataType: undefined, data: nestedArray(data, input, where).data };
  const count = shape.reduce((product, dim) => product * dim, 1);
  if (raw.data.length !== count) {
    throw new BadDataError(
      `${where}: input "${input.name}" has ${raw.data.length} values but its dims ` +
        `[${shape.join(", ")}] need ${count}`,
    );
  }
  return raw;
}

/**
 * A bare typed array takes the declared shape; one unknown dimension follows from its length, others are 1.
 */
function typedArray(data: NumericArray, input: ValueInfo, where: string): RawArray {
  const shape = input.type?.tensor?.shape ?? [undefined];
  const unknown = shape.flatMap((dim, axis) => (typeof dim === "number" ? [] : [axis]));
  const open = unknown.at(-1);
  const fixed = shape.reduce<number>(
    (product, dim) => (typeof dim === "number" ? product * dim : product),
    1,
  );
  const size = data.length / fixed;
  // Of two unknown dimensions the first is taken to be the batch.
  const determined = unknown.length === 1 || size === 1 || (unknown.length === 2 && unknown[0] === 0);
  const fits = open === undefined ? size === 1 : Number.isInteger(size) && determined;
  if (!fits) {
    const expected = describeInput(input);
    throw new BadDataError(
      `${where}: input "${input.name}" got ${data.length} values, which do not determine ` +
        `the shape ${expected}. Give { dims, data }.`,
    );
  }
  const dims = shape.map((dim: Dimension, axis) =>
    typeof dim === "number" ? dim : axis === open ? size : 1,
  );
  return { dims, dataType: typeOf(data, input), data };
}

/** Adds a batch of one when only that axis is missing. */
function withBatch(raw: RawArray, input: ValueInfo): RawArray {
  const shape = input.type?.tensor?.shape;
  const batch = shape?.[0];
  const lacksBatch = shape?.length === raw.dims.length + 1 && (typeof batch !== "number" || batch === 1);
  return lacksBatch ? { ...raw, dims: [1, ...raw.dims] } : raw;
}

function nestedArray(value: unknown, input: ValueInfo, where: string): RawArray {
  const dims: number[] = [];
  for (let level = value; Array.isArray(level) && dims.length <= MAX_NESTING; level = level[0])
    dims.push(level.length);
  const data: Scalar[] = [];
  const visit = (level: unknown, axis: number): void => {
    if (axis === dims.length && isScalar(level)) data.push(level);
    else if (Array.isArray(level) && level.length === dims[axis])
      for (const item of level) visit(item, axis + 1);
    else {
      const found = `found ${describeValue(level)} where ${expectedAt(dims, axis)} was expected`;
      throw new BadDataError(`${where}: input "${input.name}" is not a regular array of numbers (${found})`);
    }
  };
  visit(value, 0);
  return { dims, dataType: undefined, data };
}

function expectedAt(dims: readonly number[], axis: number): string {
  return axis === dims.length ? "a number" : `an array of ${dims[axis]}`;
}

function describeValue(value: unknown): string {
  return Array.isArray(value) ? `an array of ${value.length}` : value === null ? "null" : typeof value;
}

function isScalar(value: unknown): value is Scalar {
  return ["number", "bigint", "boolean", "string"].includes(typeof value);
}

function isNumericArray(value: unknown): value is NumericArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** 16-bit words stand for float16 bits, and bytes for booleans, where the input asks for those. */
function typeOf(data: NumericArray, input: ValueInfo): DataType {
  const target = input.type?.tensor?.elementType;
  if (data instanceof Uint16Array && (target === DataType.FLOAT16 || target === DataType.BFLOAT16))
    return target;
  if (data instanceof Uint8Array && target === DataType.BOOL) return target;
  return TYPE_OF_ARRAY.get(data.constructor) ?? DataType.UINT8;
}

const TYPE_OF_ARRAY = new Map<unknown, DataType>([
  [Float32Array, DataType.FLOAT],
  [Float64Array, DataType.DOUBLE],
  [Int8Array, DataType.INT8],
  [Uint8Array, DataType.UINT8],
  [Int16Array, DataType.INT16],
  [Uint16Array, DataType.UINT16],
  [Int32Array, DataType.INT32],
  [Uint32Array, DataType.UINT32],
  [BigInt64Array, DataType.INT64],
  [BigUint64Array, DataType.UINT64],
]);
