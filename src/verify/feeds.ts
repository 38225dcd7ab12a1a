/** Generates inputs from a seed, for comparisons without data. */
import { unfeedable, type Dataset, type ModelInputs } from "../data/index.js";
import { BadDataError } from "../errors.js";
import {
  DataType,
  dataTypeName,
  floatToHalf,
  type Dimension,
  type Feed,
  type NumericArray,
  type TensorValue,
  type ValueInfo,
} from "../ir/index.js";
import { mulberry32 } from "../numeric/mulberry32.js";

export interface RandomFeedsOptions {
  /** Default 0. */
  readonly seed?: number;
  /** Default 8. */
  readonly samples?: number;
  /**
   * Sizes of symbolic dimensions by symbol, or whole shapes by input name: { N: 4, image: [1, 3, 224, 224] }.
   */
  readonly dims?: Readonly<Record<string, number | readonly number[]>>;
}

/**
 * Assumed sizes of unknown dimensions: the first is usually the batch, others are lengths, heights and
 * widths.
 */
const UNKNOWN_FIRST = 1;
const UNKNOWN_OTHER = 32;
/** Most elements of one input. Larger inputs are not generated. */
const MAX_ELEMENTS = 2 ** 26;
const SAMPLES = 8;

/**
 * Feeds with floats uniform in [0, 1), like most images and embeddings, and integers 0 or 1, which are valid
 * as indices, masks and lengths. The numbers are the same on every machine. Throws BadDataError when the
 * declaration of an input is not enough to generate values.
 */
export function randomFeeds(inputs: ModelInputs, options: RandomFeedsOptions = {}): Dataset {
  const { seed = 0, samples = SAMPLES, dims = {} } = options;
  const obstacle = unfeedable(inputs);
  if (obstacle !== undefined) throw new BadDataError(obstacle);
  const shaped = inputs.map((input) => ({
    name: input.name,
    dataType: elementType(input),
    dims: shapeOf(input, dims),
  }));
  return {
    name: `random inputs (seed ${seed})`,
    size: samples,
    hasLabels: false,
    async *samples() {
      const random = mulberry32(seed);
      for (let i = 0; i < samples; i++) yield { feed: feedOf(shaped, random) };
    },
  };
}

interface ShapedInput {
  readonly name: string;
  readonly dataType: DataType;
  readonly dims: readonly number[];
}

function feedOf(inputs: readonly ShapedInput[], random: () => number): Feed {
  return Object.fromEntries(
    inputs.map(({ name, dataType, dims }) => [name, valueOf(dataType, dims, random)]),
  );
}

function elementType({ name, type }: ValueInfo): DataType {
  if (!type?.tensor)
    throw new BadDataError(
      `input "${name}" is not declared as a tensor, so no values can be generated for it. Give data.`,
    );
  const { elementType } = type.tensor;
  if (!(elementType in MAKERS)) {
    throw new BadDataError(
      `input "${name}" is of type ${dataTypeName(elementType)}, for which no values can be generated. Give data.`,
    );
  }
  return elementType;
}

function shapeOf({ name, type }: ValueInfo, given: NonNullable<RandomFeedsOptions["dims"]>): number[] {
  const whole = given[name];
  const shape = Array.isArray(whole) ? (whole as readonly number[]) : type?.tensor?.shape;
  if (!shape) throw new BadDataError(`input "${name}" does not declare its rank. Give its shape or data.`);
  const dims = shape.map((dimension, axis) => sizeOf(dimension, axis, given));
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (count > MAX_ELEMENTS)
    throw new BadDataError(
      `input "${name}" [${dims.join(", ")}] is too large to generate values for. Give data.`,
    );
  return dims;
}

function sizeOf(dimension: Dimension, axis: number, given: NonNullable<RandomFeedsOptions["dims"]>): number {
  if (typeof dimension === "number" && dimension > 0) return dimension;
  const size = typeof dimension === "string" ? given[dimension] : undefined;
  if (typeof size === "number") return size;
  return axis === 0 ? UNKNOWN_FIRST : UNKNOWN_OTHER;
}

const MAKERS: Readonly<Record<DataType, (count: number, random: () => number) => NumericArray>> = {
  [DataType.FLOAT]: (count, random) => Float32Array.from({ length: count }, random),
  [DataType.DOUBLE]: (count, random) => Float64Array.from({ length: count }, random),
  [DataType.FLOAT16]: (count, random) => Uint16Array.from({ length: count }, () => floatToHalf(random())),
  [DataType.INT64]: (count, random) => BigInt64Array.from({ length: count }, () => BigInt(bit(random))),
  [DataType.UINT64]: (count, random) => BigUint64Array.from({ length: count }, () => BigInt(bit(random))),
  [DataType.INT32]: (count, random) => Int32Array.from({ length: count }, () => bit(random)),
  [DataType.UINT32]: (count, random) => Uint32Array.from({ length: count }, () => bit(random)),
  [DataType.INT16]: (count, random) => Int16Array.from({ length: count }, () => bit(random)),
  [DataType.UINT16]: (count, random) => Uint16Array.from({ length: count }, () => bit(random)),
  [DataType.INT8]: (count, random) => Int8Array.from({ length: count }, () => bit(random)),
  [DataType.UINT8]: (count, random) => Uint8Array.from({ length: count }, () => bit(random)),
  [DataType.BOOL]: (count, random) => Uint8Array.from({ length: count }, () => bit(random)),
};

function valueOf(dataType: DataType, dims: readonly number[], random: () => number): TensorValue {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return { dataType, dims, data: MAKERS[dataType]?.(count, random) ?? new Float32Array(count) };
}

function bit(random: () => number): number {
  return random() < 0.5 ? 0 : 1;
}
