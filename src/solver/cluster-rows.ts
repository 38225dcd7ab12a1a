/** Reduces the weights of one layer to a few distinct values. */
import { kMeans1d, nearestEntry } from "../numeric/k-means.js";
import { type CodeGradients, type DenseGradients, gradientsOf, type RowGradients } from "./code-gradients.js";
import { boundsOf, chooseNearest, type CodedRows } from "./code-rows.js";
import { orderOf } from "./code-order.js";
import { compensateErrors } from "./compensate-errors.js";
import { improveCodes } from "./improve-codes.js";
import { known } from "./input-system.js";
import type { MatrixEngine } from "./matrix.js";
import type { MeasuredRows } from "./measure-removals.js";
import { type FittedRows, refitBooks } from "./refit-books.js";
import { systemFrom } from "./system.js";

/**
 * Rounds of refitting the codebooks and improving the codes. Later ones change little, and nothing on data that
 * they have not seen.
 */
const TURNS = 1;
const SWEEPS = 3;
/** A sweep that changes less than this share of the codes is the last of its round. */
const FEW_MOVES = 0.005;

export interface ClusterProblem extends MeasuredRows {
  /** The weight of each row's errors in the layer's output: the square of its scale. */
  readonly importance: Float64Array;
  /** The value that must not change wherever it occurs: the zero of a pruned layer. */
  readonly fixed: number | undefined;
  /** Whether the entries must be whole numbers. */
  readonly integers: boolean;
  /** For each column, the column whose sum with it is limited, or -1; absent if there are no limits. */
  readonly partners: Int32Array | undefined;
  /** The most values, the fixed one included. */
  readonly k: number;
  /** Whether each row has its own values, rather than sharing them. */
  readonly byRow: boolean;
  /** The time (of `Date.now`) at which improvement stops. */
  readonly deadline?: number | undefined;
}

export interface ClusteredRows {
  readonly values: Float32Array;
  /** Whether values were chosen so that errors cancel on the measured inputs. */
  readonly isFitted: boolean;
  /** Whether the deadline ended the improvements. */
  readonly isCutShort: boolean;
}

/** Gives the rows that share a codebook at most `k` distinct values. */
export async function clusterRows(engine: MatrixEngine, problem: ClusterProblem): Promise<ClusteredRows> {
  const layer = new Clustering(engine, problem);
  if (layer.isFitted) await layer.compensate();
  else layer.nearest();
  const isCutShort = layer.isFitted && !(await layer.improve());
  return { values: layer.values(), isFitted: layer.isFitted, isCutShort };
}

/** Without gradients if its inputs are not known, or never varied. */
type Group = Omit<FittedRows, "gradients"> & {
  readonly gradients: DenseGradients | RowGradients | undefined;
};

class Clustering {
  readonly isFitted: boolean;
  private readonly groups: readonly Group[];
  private books: Float64Array[];
  private bounds: Float64Array[];

  constructor(
    private readonly engine: MatrixEngine,
    private readonly problem: ClusterProblem,
  ) {
    const { rows, columns, weights, system, fixed, partners, importance, byRow, inputs } = problem;
    const share = rows / inputs.length;
    this.books = this.bounds = [];
    this.groups = inputs.map((own, group) => {
      const books = Int32Array.from({ length: share }, (_, row) => (byRow ? group * share + row : 0));
      const part = weights.subarray(group * share * columns, (group + 1) * share * columns);
      const coded: CodedRows = {
        rows: share,
        columns,
        weights: part,
        fixed,
        partners,
        codes: new Int16Array(part.length).fill(-1),
        error: new Float32Array(part.length),
        bookOf: (row) => this.books[books[row]!]!,
        boundsOf: (row) => this.bounds[books[row]!]!,
      };
      const h = own && systemFrom(engine, known(own), system);
      const gradients = h && gradientsOf(engine, h, coded);
      return { coded, gradients, books, importance: importance.subarray(group * share, (group + 1) * share) };
    });
    this.isFitted = this.groups.some(({ gradients }) => gradients !== undefined);
    this.books = byRow
      ? Array.from({ length: rows }, (_, row) => this.firstBook([row]))
      : [this.firstBook(Array.from({ length: rows }, (_, row) => row))];
    this.bounds = this.books.map(boundsOf);
  }

  nearest(): void {
    for (const { coded } of this.groups) chooseNearest(coded);
  }

  async compensate(): Promise<void> {
    for (const { coded, gradients } of this.groups) {
      const order = gradients && (await orderOf(this.engine, gradients));
      if (order) await compensateErrors(coded, order);
      else chooseNearest(coded);
      if (!order?.keepsGradients) await gradients?.measure();
    }
  }

  /** Improves codes and entries in turn; returns false if the deadline stops that. */
  async improve(): Promise<boolean> {
    const fitted = this.groups.flatMap((group) =>
      group.gradients ? [{ ...group, gradients: group.gradients }] : [],
    );
    for (let turn = 0; ; turn++) {
      if (this.isLate()) return false;
      for (const { coded, gradients } of fitted) await this.sweep(coded, gradients);
      if (turn === TURNS) return true;
      if (this.isLate()) return false;
      const sizes = this.books.map(({ length }) => length);
      const change = await refitBooks(fitted, sizes);
      this.moveBooks(change);
      for (const { gradients } of fitted) await gradients.measure();
    }
  }

  values(): Float32Array {
    const { columns } = this.problem;
    for (const { coded } of this.groups) {
      const { weights, codes } = coded;
      for (let i = 0; i < weights.length; i++)
        if (codes[i]! >= 0) weights[i] = coded.bookOf(Math.floor(i / columns))[codes[i]!]!;
    }
    return this.problem.weights;
  }

  private async sweep(coded: CodedRows, gradients: CodeGradients): Promise<void> {
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      const moved = await improveCodes(coded, gradients);
      if (moved <= FEW_MOVES * coded.weights.length || this.isLate()) return;
    }
  }

  private isLate(): boolean {
    return Date.now() >= (this.problem.deadline ?? Infinity);
  }

  /** The optimum of k-means, with each weight weighted by the effect of changing it alone. */
  private firstBook(rows: readonly number[]): Float64Array {
    const { weights, columns, importance, fixed, k } = this.problem;
    const values = new Float64Array(rows.length * columns);
    const counts = new Float64Array(values.length);
    let found = 0;
    for (const row of rows) {
      const { gradients } = this.groups[Math.floor(row / this.groups[0]!.coded.rows)]!;
      const diagonal = gradients?.system.diagonal;
      for (let j = 0, at = row * columns; j < columns; j++, at++) {
        if (weights[at] === fixed) continue;
        values[found] = weights[at]!;
        counts[found++] = importance[row]! * (diagonal ? diagonal[j]! : 1);
      }
    }
    const most = fixed === undefined ? k : k - 1;
    return this.entriesOf(kMeans1d(values.subarray(0, found), most, counts.subarray(0, found)));
  }

  /** Ascending and distinct, rounded as they will be stored: to whole numbers if required, or to float32. */
  private entriesOf(entries: Float64Array): Float64Array {
    const { integers } = this.problem;
    return Float64Array.from(
      new Set(entries.map((entry) => (integers ? Math.round(entry) : Math.fround(entry))).sort()),
    );
  }

  /** Updates codes and errors after entries were sorted and merged. */
  private moveBooks(changes: readonly Float64Array[]): void {
    const moved = this.books.map((book, b) => book.map((entry, c) => entry + changes[b]![c]!));
    const tidied = moved.map((book, b) =>
      book.every(Number.isFinite) ? this.entriesOf(book) : this.books[b]!,
    );
    const places = moved.map((book, b) => Int16Array.from(book, (entry) => nearestEntry(tidied[b]!, entry)));
    this.books = tidied;
    this.bounds = tidied.map(boundsOf);
    for (const { coded, books } of this.groups) {
      const { columns, codes, error, weights } = coded;
      for (let i = 0; i < codes.length; i++) {
        if (codes[i]! < 0) continue;
        const own = books[Math.floor(i / columns)]!;
        codes[i] = places[own]![codes[i]!]!;
        error[i] = tidied[own]![codes[i]!]! - weights[i]!;
      }
    }
  }
}
