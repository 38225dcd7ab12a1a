/** Second-moment matrices Σ x xᵀ over rows that arrive in pieces, from a bounded sample of the rows. */
import { type GramProduct, LowerTriangle, SMALL } from "./lower-triangle.js";
import type { MeasuredGram } from "./statistics.js";

/** Of each matrix while it grows: a network has dozens. */
const BLOCK_BYTES = 2 ** 20;
/** Features for each row of a block, at most: adding up a product takes as long as some fifty rows of it. */
const FEATURES_PER_ROW = 8;
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

function blockRows(size: number, groups: number): number {
  return Math.min(4096, Math.floor(Math.max(64, BLOCK_BYTES / (4 * size * groups), size / FEATURES_PER_ROW)));
}

/**
 * Accumulates Gram matrices of `groups` row sets of `size` features. Rows are collected in `block`
 * [groups, capacity, size]; a full block is multiplied in float32 and added up (lower-triangle.ts). Memory: the
 * triangles, and a block of at most 1 MB, 64 rows, or a quarter of the triangles. If few rows may stay as they
 * are, triangles take memory only if more rows come than were expected.
 */
export class GramAccumulator {
  readonly block: Float32Array;
  readonly capacity: number;
  private triangles: LowerTriangle[] | undefined;
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
    this.capacity = keptRows ?? blockRows(size, groups);
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
  async result(): Promise<MeasuredGram | undefined> {
    if (this.keptRows !== undefined && this.triangles === undefined && this.filled > 0) return this.asRows();
    await this.flush();
    const { rows, size, triangles = [] } = this;
    if (rows === 0) return undefined;
    return { size, matrices: triangles.map((own) => own.take(rows)), means: this.means(rows), rows };
  }

  private asRows(): MeasuredGram {
    const { size, filled: rows } = this;
    const samples = this.sums.map((_, group) => this.rowsOf(group));
    for (const [group, own] of samples.entries()) addColumnSums(this.sums[group]!, own, size);
    return { size, matrices: [], means: this.means(rows), rows, samples };
  }

  private means(rows: number): Float64Array[] {
    return this.sums.map((sums) => sums.map((sum) => sum / rows));
  }

  private rowsOf(group: number): Float32Array {
    const start = group * this.capacity * this.size;
    return this.block.subarray(start, start + this.filled * this.size);
  }

  private async flush(): Promise<void> {
    const { filled, size } = this;
    if (filled === 0) return;
    this.triangles ??= this.sums.map(() => new LowerTriangle(size));
    for (const [group, triangle] of this.triangles.entries()) {
      const rows = this.rowsOf(group);
      addColumnSums(this.sums[group]!, rows, size);
      await triangle.add(rows, this.product);
    }
    this.rows += filled;
    this.filled = 0;
  }
}

function addColumnSums(sums: Float64Array, rows: Float32Array, size: number): void {
  for (let at = 0; at < rows.length; at += size) for (let j = 0; j < size; j++) sums[j]! += rows[at + j]!;
}
