/** A weight as rows: one row for each output, one column for each input that the output is a weighted sum of. */
import type { WeightSite } from "../../ops/weights.js";

/**
 * Where the values lie: value (row, column) at `rowOffsets[row] + columnOffsets[column]`. In the column order of im2col
 * rows, channels outermost; rows of group g are consecutive, rows / groups of them.
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

export function matrixLayout({ tensor: { dims }, kind, channelAxis, groups }: WeightSite): MatrixLayout {
  switch (kind) {
    case "conv": return { ...contiguous(dims[0] ?? 1, product(dims.slice(1))), groups, channelStride: product(dims.slice(2)) };
    case "conv-transpose": return transposedConvolution(dims, groups);
    case "embedding": return channelAxis === 0 ? contiguous(dims[0] ?? 1, product(dims.slice(1))) : contiguous(1, product(dims));
    default: return channelAxis === dims.length - 1 ? columnMajor(dims) : contiguous(product(dims.slice(0, -1)), dims.at(-1) ?? 1);
  }
}

/** Rows one after the other: convolutions, recurrent weights, transposed matrices. */
function contiguous(rows: number, columns: number): MatrixLayout {
  return { rows, columns, groups: 1, rowOffsets: steps(rows, columns), columnOffsets: steps(columns, 1), channelStride: 1 };
}

/** [batch…, K, N]: the outputs are the columns of each matrix. */
function columnMajor(dims: readonly number[]): MatrixLayout {
  const inputs = dims.at(-2) ?? 1;
  const outputs = dims.at(-1) ?? 1;
  const rows = product(dims.slice(0, -2)) * outputs;
  const rowOffsets = Int32Array.from({ length: rows }, (_, row) => Math.floor(row / outputs) * inputs * outputs + (row % outputs));
  return { rows, columns: inputs, groups: 1, rowOffsets, columnOffsets: steps(inputs, outputs), channelStride: 1 };
}

/** [C, M / groups, …kernel]: output m of group g sums over the C / groups channels of the group and the kernel. */
function transposedConvolution(dims: readonly number[], groups: number): MatrixLayout {
  const [channels = 1, outputs = 1, ...kernel] = dims;
  const positions = product(kernel);
  const inputs = channels / groups;
  const rowOffsets = Int32Array.from({ length: groups * outputs }, (_, row) => Math.floor(row / outputs) * inputs * outputs * positions + (row % outputs) * positions);
  const columnOffsets = Int32Array.from({ length: inputs * positions }, (_, column) => Math.floor(column / positions) * outputs * positions + (column % positions));
  return { rows: rowOffsets.length, columns: columnOffsets.length, groups, rowOffsets, columnOffsets, channelStride: positions };
}

/** The values row by row, as a copy. */
export function readRows(values: Float32Array, { rows, columns, rowOffsets, columnOffsets }: MatrixLayout): Float32Array {
  const matrix = new Float32Array(rows * columns);
  for (let row = 0, at = 0; row < rows; row++) for (let column = 0; column < columns; column++) matrix[at++] = values[rowOffsets[row]! + columnOffsets[column]!]!;
  return matrix;
}

/** The inverse of `readRows`. */
export function writeRows(matrix: Float32Array, { rows, columns, rowOffsets, columnOffsets }: MatrixLayout): Float32Array {
  const values = new Float32Array(rows * columns);
  for (let row = 0, at = 0; row < rows; row++) for (let column = 0; column < columns; column++) values[rowOffsets[row]! + columnOffsets[column]!] = matrix[at++]!;
  return values;
}

function steps(count: number, step: number): Int32Array {
  return Int32Array.from({ length: count }, (_, k) => k * step);
}

function product(values: readonly number[]): number {
  return values.reduce((total, value) => total * value, 1);
}
