/**
 * Patterns that real exporters write and tools get wrong: weights that several nodes share, weights stored
 * compactly behind nodes that decode them, tables that are read in two forms, and tables computed from
 * nothing.
 */
import { attribute, DataType, integerTensor, type Tensor } from "../../src/ir/index.js";
import { count, type GraphBuilder, type Value } from "./graph-builder.js";
import type { Layer } from "./layers.js";
import { affine, activation } from "./shape-layers.js";

const { int, ints } = attribute;

function sum(b: GraphBuilder, values: readonly Value[]): Value | undefined {
  return values.reduce<Value | undefined>(
    (total, value) => (total ? b.add("Add", [total.name, value.name], value.dims) : value),
    undefined,
  );
}

/** One head on several levels, with a normalization or a scale of its own on each, as detectors have it. */
function sharedHead(b: GraphBuilder, x: Value): Value | undefined {
  const { random } = b;
  const isImage = x.dims.length === 4;
  const channels = isImage ? (x.dims[1] ?? 0) : (x.dims.at(-1) ?? 0);
  if (channels === 0 || x.dims.length < 2 || x.type !== DataType.FLOAT) return undefined;
  const out = random.pick([4, 8, 16]);
  const weight = b.floats(
    "shared",
    isImage ? [out, channels, 1, 1] : [channels, out],
    1 / Math.sqrt(channels),
  );
  const dims = isImage ? [x.dims[0] ?? 0, out, ...x.dims.slice(2)] : [...x.dims.slice(0, -1), out];
  const levels = Array.from({ length: random.within(2, 4) }, () => {
    const level = random.pick([activation, (_: GraphBuilder, value: Value): Value => value])(b, x);
    const head = b.add(isImage ? "Conv" : "MatMul", [level.name, weight], dims);
    return random.chance(0.7) ? (affine(b, head) ?? head) : head;
  });
  return sum(b, levels);
}

/** Weights in a narrow type behind the nodes that widen them. */
function decoded(b: GraphBuilder, dims: readonly number[]): string {
  const { random } = b;
  const stored = random.pick([half, scaledBytes, codes])(b, dims);
  return stored.name;
}

function constantOf(b: GraphBuilder, stem: string, tensor: Tensor): string {
  return b.constant(stem, tensor, false);
}

function half(b: GraphBuilder, dims: readonly number[]): Value {
  const words = Uint16Array.from(
    { length: count(dims) },
    () => 0x3000 + b.random.below(0x0800) + (b.random.chance(0.5) ? 0x8000 : 0),
  );
  return b.add("Cast", [constantOf(b, "half", integerTensor("", dims, DataType.FLOAT16, words))], dims, [
    int("to", DataType.FLOAT),
  ]);
}

function scaledBytes(b: GraphBuilder, dims: readonly number[]): Value {
  const bytes = Int8Array.from({ length: count(dims) }, () => b.random.within(-127, 127));
  const wide = b.add("Cast", [constantOf(b, "bytes", integerTensor("", dims, DataType.INT8, bytes))], dims, [
    int("to", DataType.FLOAT),
  ]);
  return b.add("Mul", [wide.name, b.scalar("step", 0.01)], dims);
}

function codes(b: GraphBuilder, dims: readonly number[]): Value {
  const indices = Uint8Array.from({ length: count(dims) }, () => b.random.below(16));
  const wide = b.add(
    "Cast",
    [constantOf(b, "codes", integerTensor("", dims, DataType.UINT8, indices))],
    dims,
    [int("to", DataType.INT32)],
    DataType.INT32,
  );
  return b.add("Gather", [b.floats("table", [16], 0.5), wide.name], dims);
}

/** A product with decoded weights; sometimes two products with the same ones. */
function compactWeights(b: GraphBuilder, x: Value): Value | undefined {
  const features = x.dims.at(-1) ?? 0;
  if (x.dims.length < 2 || features === 0 || x.type !== DataType.FLOAT || b.opset < 9) return undefined;
  const out = b.random.pick([4, 16, 32]);
  const isTurned = b.random.chance(0.3);
  const stored = decoded(b, isTurned ? [out, features] : [features, out]);
  const weight = isTurned
    ? b.add("Transpose", [stored], [features, out], [ints("perm", [1, 0])]).name
    : stored;
  const products = Array.from({ length: b.random.within(1, 2) }, () =>
    b.add("MatMul", [x.name, weight], [...x.dims.slice(0, -1), out]),
  );
  return sum(b, products);
}

/** A table looked up by id and multiplied with, as language models tie their first and last layer. */
function tiedTable(b: GraphBuilder, x: Value): Value | undefined {
  const width = x.dims.at(-1) ?? 0;
  if (x.dims.length !== 2 || width === 0 || x.type !== DataType.FLOAT) return undefined;
  const rows = b.random.pick([8, 32]);
  const table = b.floats("tied", [rows, width], 1 / Math.sqrt(width));
  const row = b.add("Gather", [table, b.int64s("id", [b.random.below(rows)])], [1, width]);
  const shifted = b.add("Add", [x.name, row.name], x.dims);
  const turned = b.add("Transpose", [table], [width, rows], [ints("perm", [1, 0])]);
  return b.add("MatMul", [shifted.name, turned.name], [x.dims[0] ?? 0, rows]);
}

/** Constant rows from the left, as in mixing over positions. */
function leftProduct(b: GraphBuilder, x: Value): Value | undefined {
  const rows = x.dims.at(-2) ?? 0;
  if (x.dims.length < 2 || rows === 0 || x.type !== DataType.FLOAT) return undefined;
  const out = b.random.pick([2, 4, 8]);
  const weight = b.floats("left", [out, rows], 1 / Math.sqrt(rows));
  return b.add("MatMul", [weight, x.name], [...x.dims.slice(0, -2), out, x.dims.at(-1) ?? 0]);
}

/** A table of cosines that a few nodes compute from nothing, as transforms have it. */
function computedTable(b: GraphBuilder, x: Value): Value | undefined {
  const features = x.dims.at(-1) ?? 0;
  if (x.dims.length < 2 || features === 0 || x.type !== DataType.FLOAT || b.opset < 11) return undefined;
  const range = b.add(
    "Range",
    [b.scalar("start", 0), b.scalar("limit", features), b.scalar("delta", 1)],
    [features],
  );
  const column = b.add("Reshape", [range.name, b.int64s("column", [features, 1])], [features, 1]);
  const angles = b.add("Mul", [column.name, range.name], [features, features]);
  const table = b.add("Cos", [angles.name], [features, features]);
  return b.add("MatMul", [x.name, table.name], x.dims);
}

export const PATTERN_LAYERS: readonly Layer[] = [
  sharedHead,
  sharedHead,
  compactWeights,
  compactWeights,
  tiedTable,
  leftProduct,
  computedTable,
];
