/** Clusters the weights of one layer to a few values. */
import { assignCodes, type CodedRow, CodebookFit } from "./codebook.js";
import { kMeans1d, nearestEntry } from "./k-means.js";

/** Iterations of refitting the codebook and improving the assignment. Later ones change little. */
const TURNS = 3;
/** With more multiplications per sweep over a layer, errors are not compensated. */
const SWEEP_BUDGET = 4e9;

export interface ClusterProblem {
  /** The layer's weights, or their codes, row by row: [rows, columns]. Changed in place. */
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
  /** H of the inputs of each group of rows, full and row-major; undefined if not measured or constant. */
  readonly h: readonly (Float64Array | undefined)[];
  /** The weight of one unit of each row's values in the output error: the square of its scale. */
  readonly importance: Float64Array;
  /** The value that keeps its positions: the zero of a pruned layer. */
  readonly fixed: number | undefined;
  /** Whether the entries must be integers. */
  readonly integers: boolean;
  /** For each column, the one whose sum with it is limited, or -1; absent if there is no limit. */
  readonly partners: Int32Array | undefined;
}

/**
 * Reduces the values of each set of rows to at most `k` distinct ones, including the fixed one. Returns all
 * values.
 */
export function clusterLayer(
  problem: ClusterProblem,
  sets: readonly (readonly number[])[],
  k: number,
): Float32Array {
  for (const rows of sets) clusterRows(problem, rows, k);
  return problem.values;
}

function clusterRows(problem: ClusterProblem, rows: readonly number[], k: number): void {
  const { values, columns, fixed } = problem;
  const size = fixed === undefined ? k : k - 1;
  const coded = new RowCoder(problem, rows, affordable(problem));
  let book = entriesOf(problem, kMeans1d(coded.weights(), size, coded.sensitivities()));
  if (book.length === 0) return;
  for (let turn = 0; ; turn++) {
    const changed = coded.assign(book);
    if (!coded.isFitted || turn === TURNS || (turn > 0 && !changed)) break;
    book = coded.refit(book, (entries) => entriesOf(problem, entries));
  }
  coded.write(values, columns, book);
}

/**
 * Reduces `values`, in place, to at most `k` distinct ones of least squared error, including `fixed`, which
 * keeps its positions. All values have the same weight. Returns the values.
 */
export function clusterFlat(values: Float32Array, k: number, fixed: number | undefined): Float32Array {
  const counts = fixed === undefined ? undefined : new Uint8Array(values.length);
  if (counts) for (let i = 0; i < values.length; i++) counts[i] = values[i] === fixed ? 0 : 1;
  const book = kMeans1d(values, fixed === undefined ? k : k - 1, counts).map(Math.fround);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value !== fixed) values[i] = book[nearestEntry(book, value)]!;
  }
  return values;
}

function affordable({ rows, columns, values, fixed }: ClusterProblem): boolean {
  let share = 1;
  if (fixed !== undefined) {
    let others = 0;
    for (let i = 0; i < values.length; i++) if (values[i] !== fixed) others++;
    share = others / values.length;
  }
  return rows * (columns * share) ** 2 <= SWEEP_BUDGET;
}

/** Ascending and distinct; integers if only those can be stored; rounded to float32, as they will be stored. */
function entriesOf({ integers }: ClusterProblem, entries: Float64Array): Float64Array {
  return Float64Array.from(
    new Set(
      Float64Array.from(entries, (entry) => (integers ? Math.round(entry) : Math.fround(entry))).sort(),
    ),
  );
}

/** The weights of some rows that are clustered, and the entry assigned to each. */
class RowCoder {
  readonly isFitted: boolean;
  private readonly rows: { row: number; support: Int32Array; weights: Float64Array; codes: Int32Array }[];

  constructor(
    private readonly problem: ClusterProblem,
    rows: readonly number[],
    canFit: boolean,
  ) {
    this.isFitted = canFit && problem.h.some((h) => h !== undefined);
    this.rows = rows.map((row) => this.begin(row));
  }

  private begin(row: number): { row: number; support: Int32Array; weights: Float64Array; codes: Int32Array } {
    const { values, columns, fixed } = this.problem;
    const support = Int32Array.from(
      Array.from({ length: columns }, (_, j) => j).filter((j) => values[row * columns + j] !== fixed),
    );
    const weights = Float64Array.from(support, (j) => values[row * columns + j]!);
    return { row, support, weights, codes: new Int32Array(support.length).fill(-1) };
  }

  weights(): Float64Array {
    return this.gather(({ weights }) => weights);
  }

  /** The error caused by a change of each weight alone. */
  sensitivities(): Float64Array {
    return this.gather(({ row, support }) => {
      const { columns } = this.problem;
      const h = this.matrixOf(row);
      const importance = this.problem.importance[row]!;
      return Float64Array.from(support, (j) => importance * (h ? h[j * columns + j]! : 1));
    });
  }

  /** Returns whether any assignment changed. */
  assign(book: Float64Array): boolean {
    let changed = false;
    this.eachRow((coded) => {
      changed = assignCodes(coded, book) || changed;
    });
    return changed;
  }

  /** Refits the codebook to the assignment. Assignments are updated as entries are sorted and merged. */
  refit(book: Float64Array, tidy: (entries: Float64Array) => Float64Array): Float64Array {
    const fit = new CodebookFit(book.length);
    this.eachRow((coded) => fit.add(coded));
    const solved = fit.solve(book);
    const tidied = tidy(solved);
    const moved = Int32Array.from(solved, (entry) => nearestEntry(tidied, entry));
    for (const { codes } of this.rows) for (let i = 0; i < codes.length; i++) codes[i] = moved[codes[i]!]!;
    return tidied;
  }

  write(values: Float32Array, columns: number, book: Float64Array): void {
    for (const { row, support, codes } of this.rows)
      support.forEach((j, i) => void (values[row * columns + j] = book[codes[i]!]!));
  }

  private eachRow(visit: (coded: CodedRow) => void): void {
    const { columns, partners } = this.problem;
    for (const { row, support, weights, codes } of this.rows) {
      const h = this.isFitted ? this.matrixOf(row) : undefined;
      const whole = h !== undefined && support.length === columns;
      visit({
        weights,
        codes,
        importance: this.problem.importance[row]!,
        h: whole ? h : h && gather(h, columns, support),
        ...(partners ? { partners: localPartners(partners, support) } : {}),
      });
    }
  }

  private matrixOf(row: number): Float64Array | undefined {
    const { rows, h } = this.problem;
    return h[Math.floor(row / (rows / h.length))];
  }

  private gather(pick: (row: RowCoder["rows"][number]) => Float64Array): Float64Array {
    const all = new Float64Array(this.rows.reduce((sum, { support }) => sum + support.length, 0));
    let at = 0;
    for (const row of this.rows) {
      all.set(pick(row), at);
      at += row.support.length;
    }
    return all;
  }
}

/** H_SS. */
function gather(h: Float64Array, columns: number, support: Int32Array): Float64Array {
  const n = support.length;
  const part = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0, from = support[i]! * columns; j < n; j++) part[i * n + j] = h[from + support[j]!]!;
  }
  return part;
}

function localPartners(partners: Int32Array, support: Int32Array): Int32Array {
  const place = new Map([...support].map((column, i) => [column, i]));
  return Int32Array.from(support, (column) => place.get(partners[column]!) ?? -1);
}
