/** Second-moment matrices Σ x xᵀ over rows that arrive in pieces, from a bounded sample of the rows. */
import type { Gram } from "./statistics.js";

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
const SMALL = 48;
/** Of each matrix while it grows: a network has dozens. */
const BLOCK_BYTES = 2 * 2 ** 20;
/** Features for each row of a block, at most: adding up a product takes as long as some hundred rows of it. */
const FEATURES_PER_ROW = 4;
/** Parts of a product: of the half above the diagonal, four leave out three quarters. */
const PARTS = 4;
/** Features from which on parts pay. */
const PARTS_FROM = 256;
/**
 * Rows for each feature up to which rows replace their matrix. Solving takes two products with n rows for one
 * with the matrix of d features, so beyond d / 2 the matrix is cheaper.
 */
const ROWS_PER_FEATURE = 0.5;

/**
 * Default number of rows for `size` features: a matrix of fewer than a few rows per feature is singular or
 * nearly so.
 */
export function defaultMaxRows(size: number): number {
  return Math.max(16_384, 4 * size);
}

/**
 * Spreads a bounded number of rows evenly over samples and over the positions in each. Deterministic: what
 * one sample cannot give is made up by later ones; positions shift from sample to sample by the golden
 * ratio, so that they do not fall on the same place of every image.
 */
export class RowSampler {
  private sample = 0;
  private taken = 0;

  constructor(
    private readonly maxRows: number,
    private readonly samples: number,
  ) {}

  /** The row numbers to use of the next sample, which has `available` rows; ascending. */
  next(available: number): number[] {
    this.sample++;
    const due = Math.ceil((this.maxRows * Math.min(this.sample, this.samples)) / this.samples) - this.taken;
    const wanted = Math.max(0, Math.min(available, due));
    this.taken += wanted;
    const phase = (this.sample * 0.6180339887498949) % 1;
    return Array.from({ length: wanted }, (_, k) => Math.floor(((k + phase) * available) / wanted));
  }
}

/** How many rows, if so few are expected, take the place of their Gram matrix of `size` features. */
export function rowsInPlaceOfMatrix(size: number, expected: number): number | undefined {
  return size > SMALL && expected <= ROWS_PER_FEATURE * size ? Math.max(1, expected) : undefined;
}

/**
 * Accumulates Gram matrices of `groups` row sets of `size` features. Rows are collected in `block`
 * [groups, capacity, size]; a full block is multiplied in float32 and added in double precision.
 * Memory: 8 · size² · groups bytes, and a block of at most 2 MB, 64 rows, or an eighth of the matrices. If
 * few rows may stay as they are, the matrices take memory only if more rows come than were expected.
 */
export class GramAccumulator {
  readonly block: Float32Array;
  readonly capacity: number;
  private matrices: Float64Array[] | undefined;
  private readonly sums: Float64Array[];
  private filled = 0;
  private rows = 0;

  /** @param keptRows how many rows may stay as they are; default: none */
  constructor(
    private readonly size: number,
    groups: number,
    private readonly product: GramProduct,
    private readonly keptRows?: number,
  ) {
    const rows = Math.max(64, BLOCK_BYTES / (4 * size * groups), size / FEATURES_PER_ROW);
    this.capacity = keptRows ?? Math.min(4096, Math.floor(rows));
    this.block = new Float32Array(this.capacity * size * groups);
    this.sums = Array.from({ length: groups }, () => new Float64Array(size));
  }

  /** Number of rows in `block`; the next one goes there. */
  get used(): number {
    return this.filled;
  }

  /** Says that `count` more rows were written to `block`; multiplies it when it is full. */
  async commit(count: number): Promise<void> {
    this.filled += count;
    // Kept rows leave room for the next only when it comes; see `makeRoom`.
    if (this.filled === this.capacity && this.keptRows === undefined) await this.flush();
  }

  /** Call it before adding rows. */
  async makeRoom(): Promise<void> {
    if (this.filled === this.capacity) await this.flush();
  }

  /** Mean second-moment matrices, or the rows if they are few, and means; undefined when there was no row. */
  async result(): Promise<Gram | undefined> {
    if (this.keptRows !== undefined && this.matrices === undefined && this.filled > 0) return this.asRows();
    await this.flush();
    const { rows, size, matrices = [] } = this;
    if (rows === 0) return undefined;
    if (size > SMALL) for (const matrix of matrices) mirror(matrix, size);
    for (const array of [...matrices, ...this.sums]) for (let i = 0; i < array.length; i++) array[i]! /= rows;
    return { size, matrices, means: this.sums, rows };
  }

  private asRows(): Gram {
    const { size, filled: rows } = this;
    const samples = this.sums.map((sums, group) => {
      const own = this.rowsOf(group);
      addColumnSums(sums, own, size);
      return own;
    });
    return {
      size,
      matrices: [],
      means: this.sums.map((sums) => sums.map((sum) => sum / rows)),
      rows,
      samples,
    };
  }

  private rowsOf(group: number): Float32Array {
    const start = group * this.capacity * this.size;
    return this.block.subarray(start, start + this.filled * this.size);
  }

  private async flush(): Promise<void> {
    const { filled, size } = this;
    if (filled === 0) return;
    this.matrices ??= this.sums.map(() => new Float64Array(size * size));
    for (const [group, matrix] of this.matrices.entries()) {
      const rows = this.rowsOf(group);
      addColumnSums(this.sums[group]!, rows, size);
      if (size <= SMALL) addSmallGram(matrix, rows, size);
      else await this.addProduct(matrix, rows);
    }
    this.rows += filled;
    this.filled = 0;
  }

  private async addProduct(matrix: Float64Array, rows: Float32Array): Promise<void> {
    const { filled, size } = this;
    const parts = size < PARTS_FROM ? 1 : PARTS;
    for (let part = 0; part < parts; part++) {
      const from = Math.floor((part * size) / parts);
      const to = Math.floor(((part + 1) * size) / parts);
      const product = await this.product(rows, filled, size, [from, to]);
      for (let row = from, at = 0; row < to; row++)
        for (let j = 0, into = row * size; j < to; j++, at++, into++) matrix[into]! += product[at]!;
    }
  }
}

/** Copies what lies below the diagonal of a square matrix to above it. */
function mirror(matrix: Float64Array, size: number): void {
  for (let i = 1; i < size; i++)
    for (let j = 0, at = i * size; j < i; j++, at++) matrix[j * size + i] = matrix[at]!;
}

function addColumnSums(sums: Float64Array, rows: Float32Array, size: number): void {
  for (let at = 0; at < rows.length; at += size) for (let j = 0; j < size; j++) sums[j]! += rows[at + j]!;
}

function addSmallGram(matrix: Float64Array, rows: Float32Array, size: number): void {
  for (let at = 0; at < rows.length; at += size) {
    for (let i = 0; i < size; i++) {
      const x = rows[at + i]!;
      if (x !== 0) for (let j = i; j < size; j++) matrix[i * size + j]! += x * rows[at + j]!;
    }
  }
  for (let i = 1; i < size; i++) for (let j = 0; j < i; j++) matrix[i * size + j] = matrix[j * size + i]!;
}
