/** A weight as a matrix: one row per output, one column per input in its weighted sum. */
import type { Layer } from "./layer.js";
import { type StridedView, viewOffsets } from "../ops/strided-view.js";

/**
 * The layout of the values: value (row, column) is at `rowOffsets[row] + columnOffsets[column]`. In the column
 * order of im2col rows, channels outermost; rows of group g are consecutive, rows / groups of them.
 */
export interface MatrixLayout {
  readonly rows: number;
  readonly columns: number;
  readonly groups: number;
  readonly rowOffsets: Int32Array;
  readonly columnOffsets: Int32Array;
  /** Columns this far apart belong to neighbouring input channels. */
  readonly channelStride: number;
}

/** For the operator's view of its weight. */
export function matrixLayout(
  site: Pick<Layer, "dims" | "strides" | "kind" | "channelAxis" | "groups">,
): MatrixLayout {
  const { dims, kind, channelAxis, groups } = site;
  const axes = [...dims.keys()];
  switch (kind) {
    case "conv":
      return { ...layoutOf(site, [0], axes.slice(1)), groups, channelStride: product(dims.slice(2)) };
    case "conv-transpose":
      return transposedConvolution(site, groups);
    case "embedding":
      return channelAxis === 0 ? layoutOf(site, [0], axes.slice(1)) : layoutOf(site, [], axes);
    // [batch…, K, N] with outputs along N, or [batch…, N, K].
    default:
      return channelAxis === dims.length - 1
        ? layoutOf(site, [...axes.slice(0, -2), channelAxis], axes.slice(-2, -1))
        : layoutOf(site, axes.slice(0, -1), axes.slice(-1));
  }
}

/** Rows along some axes, row-major, and columns along the others. */
function layoutOf(
  view: StridedView,
  rowAxes: readonly number[],
  columnAxes: readonly number[],
): MatrixLayout {
  const [rowOffsets, columnOffsets] = [viewOffsets(view, rowAxes), viewOffsets(view, columnAxes)];
  return {
    rows: rowOffsets.length,
    columns: columnOffsets.length,
    groups: 1,
    rowOffsets,
    columnOffsets,
    channelStride: 1,
  };
}

/**
 * [C, M / groups, …kernel]: output m of group g sums over the C / groups channels of the group and the
 * kernel.
 */
function transposedConvolution(
  { dims: [channels = 1, ...others], strides: [stride = 1, ...steps] }: StridedView,
  groups: number,
): MatrixLayout {
  const grouped: StridedView = {
    dims: [groups, channels / groups, ...others],
    strides: [(stride * channels) / groups, stride, ...steps],
  };
  const axes = [...grouped.dims.keys()];
  return {
    ...layoutOf(grouped, [0, 2], [1, ...axes.slice(3)]),
    groups,
    channelStride: product(others.slice(1)),
  };
}

/** Whether rows and columns are the same, as for two operators that use a weight in the same way. */
export function isSameLayout(a: MatrixLayout, b: MatrixLayout): boolean {
  return (
    a.groups === b.groups && isEqual(a.rowOffsets, b.rowOffsets) && isEqual(a.columnOffsets, b.columnOffsets)
  );
}

function isEqual(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((value, k) => value === b[k]);
}

/** The values row by row, as a copy. */
export function readRows(values: Float32Array, layout: MatrixLayout): Float32Array {
  const { columns, rowOffsets, columnOffsets } = layout;
  const matrix = new Float32Array(layout.rows * columns);
  for (const [from, to] of bands(layout))
    for (let column = 0; column < columns; column++)
      for (let row = from; row < to; row++)
        matrix[row * columns + column] = values[rowOffsets[row]! + columnOffsets[column]!]!;
  return matrix;
}

/** The inverse of `readRows`. */
export function writeRows(matrix: Float32Array, layout: MatrixLayout): Float32Array {
  const { columns, rowOffsets, columnOffsets } = layout;
  const values = new Float32Array(layout.rows * columns);
  for (const [from, to] of bands(layout))
    for (let column = 0; column < columns; column++)
      for (let row = from; row < to; row++)
        values[rowOffsets[row]! + columnOffsets[column]!] = matrix[row * columns + column]!;
  return values;
}

/** Rows whose values lie beside each other go together, so that what the cache loads is used whole. */
function* bands({ rows, columns, columnOffsets }: MatrixLayout): Generator<readonly [number, number]> {
  const height = columns > 1 && columnOffsets[1] !== 1 ? 16 : 1;
  for (let from = 0; from < rows; from += height) yield [from, Math.min(rows, from + height)];
}

function product(values: readonly number[]): number {
  return values.reduce((total, value) => total * value, 1);
}
