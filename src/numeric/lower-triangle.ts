/**
 * The lower triangle of Xᵀ X, in parts one below the other that reach up to the diagonal: a matrix is
 * symmetric, and eight parts leave out nearly half of its products and of its memory.
 */

/**
 * Multiplies rows X [count, size] (row-major, float32) to a part of Xᵀ X: its rows `from` to `to`, each up to
 * column `to`, [to - from, to]. Parts one below the other hold the lower triangle, all that a symmetric matrix
 * needs.
 */
export type GramProduct = (
  rows: Float32Array,
  count: number,
  size: number,
  range: readonly [from: number, to: number],
) => Promise<Float32Array>;

/** Below this many features plain loops beat a call of a matrix engine. */
export const SMALL = 48;
/** Features from which on four parts pay, and eight. */
const FOUR_FROM = 256;
const EIGHT_FROM = 1024;
/** Products are in single precision; sums of larger matrices are, too. */
const DOUBLE_LIMIT = 1024;
/** Rows that are copied across the diagonal together, so that what the cache loads is used whole. */
const BAND = 16;

interface Part {
  readonly from: number;
  readonly to: number;
  /** [to - from, to] */
  readonly values: Float32Array | Float64Array;
}

/** Of the parts of one. */
export function triangleBytes(size: number): number {
  return rangesOf(size).reduce(
    (sum, [from, to]) => sum + (size > DOUBLE_LIMIT ? 4 : 8) * (to - from) * to,
    0,
  );
}

function rangesOf(size: number): (readonly [number, number])[] {
  const count = size < FOUR_FROM ? 1 : size < EIGHT_FROM ? 4 : 8;
  return Array.from({ length: count }, (_, part) => [
    Math.floor((part * size) / count),
    Math.floor(((part + 1) * size) / count),
  ]);
}

function zeros(size: number, length: number): Float32Array | Float64Array {
  return size > DOUBLE_LIMIT ? new Float32Array(length) : new Float64Array(length);
}

export class LowerTriangle {
  private parts: Part[];

  constructor(private readonly size: number) {
    this.parts = rangesOf(size).map(([from, to]) => ({ from, to, values: zeros(size, (to - from) * to) }));
  }

  /** @param rows X [count, size] */
  async add(rows: Float32Array, product: GramProduct): Promise<void> {
    const { size } = this;
    if (size <= SMALL) {
      addSmallGram(this.parts[0]!.values, rows, size);
      return;
    }
    for (const { from, to, values } of this.parts)
      addTo(values, await product(rows, rows.length / size, size, [from, to]));
  }

  /** The whole matrix over `divisor`, once: its parts are given up. */
  take(divisor: number): Float32Array | Float64Array {
    const { size } = this;
    const matrix = zeros(size, size * size);
    for (let part = this.parts.shift(); part; part = this.parts.shift()) {
      const { from, to, values } = part;
      for (let i = 0; i < values.length; i++) values[i]! /= divisor;
      for (let row = from; row < to; row++)
        matrix.set(values.subarray((row - from) * to, (row - from) * to + row + 1), row * size);
      for (let band = from; band < to; band += BAND) mirror(matrix, size, band, Math.min(to, band + BAND));
    }
    return matrix;
  }
}

/** Loops over one type are twice as fast as those over either. */
function addTo(sums: Float32Array | Float64Array, values: Float32Array): void {
  if (sums instanceof Float32Array) addSingles(sums, values);
  else addDoubles(sums, values);
}

function addSingles(sums: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!;
}

function addDoubles(sums: Float64Array, values: Float32Array): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!;
}

/** Copies what lies below the diagonal of some rows to above it. */
function mirror(matrix: Float32Array | Float64Array, size: number, from: number, to: number): void {
  for (let j = 0; j < to; j++)
    for (let i = Math.max(from, j + 1); i < to; i++) matrix[j * size + i] = matrix[i * size + j]!;
}

function addSmallGram(matrix: Float32Array | Float64Array, rows: Float32Array, size: number): void {
  for (let at = 0; at < rows.length; at += size) {
    for (let i = 0; i < size; i++) {
      const x = rows[at + i]!;
      if (x !== 0) for (let j = 0; j <= i; j++) matrix[i * size + j]! += x * rows[at + j]!;
    }
  }
}
