/**
 * Makes data fit a model input, or says why it cannot. Conversions that keep the meaning are made (float64 to
 * float32, integers that are in range); anything else is the user's decision and an error.
 */
import { BadDataError } from "../errors.js";
import {
  DataType,
  dataTypeName,
  floatToHalf,
  halfToFloat,
  type NumericArray,
  type TensorValue,
  type ValueInfo,
} from "../ir/index.js";

export type Scalar = number | bigint | boolean | string;

/** An array as read from the data. JSON and plain arrays have no element type. */
export interface RawArray {
  readonly dims: readonly number[];
  readonly dataType: DataType | undefined;
  readonly data: NumericArray | readonly Scalar[];
}

const INTEGER_LIMITS: Readonly<Record<number, readonly [bigint, bigint]>> = {
  [DataType.BOOL]: [0n, 1n],
  [DataType.INT8]: [-128n, 127n],
  [DataType.UINT8]: [0n, 255n],
  [DataType.INT16]: [-32_768n, 32_767n],
  [DataType.UINT16]: [0n, 65_535n],
  [DataType.INT32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [DataType.UINT32]: [0n, 2n ** 32n - 1n],
  [DataType.INT64]: [-(2n ** 63n), 2n ** 63n - 1n],
  [DataType.UINT64]: [0n, 2n ** 64n - 1n],
};

const FLOATS: readonly DataType[] = [DataType.FLOAT16, DataType.FLOAT, DataType.DOUBLE];

/**
 * The array as a value of the input's declared type. Same type: a view, not a copy.
 * Throws BadDataError when shape or type do not fit, or a value is NaN or infinite.
 * @param where the start of messages, with file and sample: "data.npz: sample 3"
 */
export function conform(raw: RawArray, input: ValueInfo, where: string): TensorValue {
  const problem = shapeProblem(raw.dims, input);
  if (problem !== undefined) throw mismatch(raw, input, where, problem);
  const target = input.type?.tensor?.elementType ?? raw.dataType ?? DataType.FLOAT;
  const value: TensorValue = {
    dataType: target,
    dims: [...raw.dims],
    data: convert(raw, target, input, where),
  };
  requireFinite(value, `${where}: input "${input.name}"`);
  return value;
}

/**
 * Why `dims` cannot be the shape of `input`, or undefined. Symbolic and unknown dimensions take any size
 * but 0.
 */
function shapeProblem(dims: readonly number[], input: ValueInfo): string | undefined {
  if (dims.includes(0)) return "it is empty";
  const shape = input.type?.tensor?.shape;
  if (!shape) return undefined;
  if (shape.length !== dims.length) return `it has ${dims.length} axes where ${shape.length} are expected`;
  const axis = shape.findIndex((dim, i) => typeof dim === "number" && dim !== dims[i]);
  return axis < 0 ? undefined : `axis ${axis} is ${dims[axis]} where ${shape[axis]} is expected`;
}

/** "float [batch, 3, 32, 32]": what a message says an input expects. */
export function describeInput(input: ValueInfo): string {
  const tensor = input.type?.tensor;
  if (!tensor) return "a tensor";
  const shape = tensor.shape ? ` [${tensor.shape.map((dim) => dim ?? "?").join(", ")}]` : "";
  return `${dataTypeName(tensor.elementType)}${shape}`;
}

function describeArray(raw: RawArray): string {
  const type = raw.dataType === undefined ? "an array" : dataTypeName(raw.dataType);
  return `${type} [${raw.dims.join(", ")}]`;
}

function mismatch(raw: RawArray, input: ValueInfo, where: string, problem: string): BadDataError {
  return new BadDataError(
    `${where}: ${describeArray(raw)} does not fit input "${input.name}", which expects ` +
      `${describeInput(input)}: ${problem}`,
  );
}

function convert(raw: RawArray, target: DataType, input: ValueInfo, where: string): TensorValue["data"] {
  if (raw.dataType === target) return raw.data as TensorValue["data"];
  const fail = (problem: string): BadDataError => mismatch(raw, input, where, problem);
  if (target === DataType.STRING) return toStrings(raw.data, fail);
  const fromInteger = raw.dataType !== undefined && raw.dataType in INTEGER_LIMITS;
  const fromFloat = raw.dataType !== undefined && FLOATS.includes(raw.dataType);
  if (FLOATS.includes(target) && !fromInteger) return toFloats(numbersOf(raw, fail), target, fail);
  if (target in INTEGER_LIMITS && !fromFloat) return toIntegers(raw.data, target, fail);
  const normalization = fromInteger ? " and the model's own normalization" : "";
  throw fail(
    "convert it first, for example with " +
      `array.astype("${NUMPY_NAMES[target] ?? dataTypeName(target)}")${normalization}`,
  );
}

const NUMPY_NAMES: Readonly<Record<number, string>> = {
  [DataType.FLOAT]: "float32",
  [DataType.DOUBLE]: "float64",
};

function toStrings(data: RawArray["data"], fail: (problem: string) => BadDataError): string[] {
  return Array.from(data as readonly Scalar[], (value) => {
    if (typeof value !== "string") throw fail(`${String(value)} is not a string`);
    return value;
  });
}

function numbersOf(raw: RawArray, fail: (problem: string) => BadDataError): Float32Array | Float64Array {
  if (raw.dataType === DataType.FLOAT16) return Float32Array.from(raw.data as Uint16Array, halfToFloat);
  if (raw.data instanceof Float32Array || raw.data instanceof Float64Array) return raw.data;
  return Float64Array.from(raw.data as readonly Scalar[], (value) => {
    if (typeof value === "string") throw fail(`"${value}" is not a number`);
    return Number(value);
  });
}

/** Rounds to the target. A finite value that would become infinite is out of range. */
function toFloats(
  values: Float32Array | Float64Array,
  target: DataType,
  fail: (problem: string) => BadDataError,
): NumericArray {
  const limit =
    target === DataType.FLOAT16 ? 65_520 : target === DataType.FLOAT ? 3.402823567797337e38 : Infinity;
  const tooLarge = values.findIndex((value) => Number.isFinite(value) && Math.abs(value) >= limit);
  if (tooLarge >= 0) throw fail(`${values[tooLarge]} at index ${tooLarge} is out of range`);
  if (target === DataType.FLOAT16) return Uint16Array.from(values, floatToHalf);
  return target === DataType.FLOAT ? Float32Array.from(values) : Float64Array.from(values);
}

function toIntegers(
  data: RawArray["data"],
  target: DataType,
  fail: (problem: string) => BadDataError,
): NumericArray {
  const [min, max] = INTEGER_LIMITS[target]!;
  const low = Number(min);
  const high = Number(max);
  const integers = Array.from(data as readonly Scalar[], (value, index) => {
    if (typeof value === "string") throw fail(`"${value}" at index ${index} is not an integer`);
    const whole = typeof value === "bigint" || Number.isSafeInteger(Number(value));
    if (!whole) throw fail(`${String(value)} at index ${index} is not an exact integer`);
    const inRange =
      typeof value === "bigint"
        ? value >= min && value <= max
        : Number(value) >= low && Number(value) <= high;
    if (!inRange)
      throw fail(`${String(value)} at index ${index} is out of the range of ${dataTypeName(target)}`);
    return value;
  });
  return integerArray(target, integers);
}

function integerArray(target: DataType, values: readonly (number | bigint | boolean)[]): NumericArray {
  switch (target) {
    case DataType.INT8:
      return Int8Array.from(values, Number);
    case DataType.INT16:
      return Int16Array.from(values, Number);
    case DataType.UINT16:
      return Uint16Array.from(values, Number);
    case DataType.INT32:
      return Int32Array.from(values, Number);
    case DataType.UINT32:
      return Uint32Array.from(values, Number);
    case DataType.INT64:
      return BigInt64Array.from(values, BigInt);
    case DataType.UINT64:
      return BigUint64Array.from(values, BigInt);
    default:
      return Uint8Array.from(values, Number);
  }
}

/**
 * Throws BadDataError that names the first NaN or infinity, if there is one. Such values are always a mistake in
 * the data, and ruin every statistic.
 */
function requireFinite(value: TensorValue, where: string): void {
  const { data } = value;
  if (data instanceof Float32Array || data instanceof Float64Array) {
    for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) throw notFinite(where, data[i]!, i);
  }
  if (value.dataType === DataType.FLOAT16 && data instanceof Uint16Array) {
    for (let i = 0; i < data.length; i++)
      if ((data[i]! & 0x7c00) === 0x7c00) throw notFinite(where, halfToFloat(data[i]!), i);
  }
}

function notFinite(where: string, value: number, index: number): BadDataError {
  return new BadDataError(
    `${where} holds ${value} at flat index ${index}. Data must be finite: fix or remove this sample`,
  );
}
