/**
 * The best entries of codebooks for fixed codes: least squares with a few unknowns per codebook, over all rows
 * that share it, Σ importance · (ŵ - w)ᵀ H (ŵ - w). Uses conjugate gradients, because each step is one product
 * with H for all codebooks together; the normal equations would take one for every entry.
 */
import type { CodeGradients } from "./code-gradients.js";
import type { CodedRows, Range } from "./code-rows.js";
import { dot, matrixOf, slabs } from "./matrix.js";

/** The rows of a group, with everything else that a fit of their codebooks needs. */
export interface FittedRows {
  readonly coded: CodedRows;
  readonly gradients: CodeGradients;
  readonly importance: Float64Array;
  /** The number of each row's book. */
  readonly books: Int32Array;
}

const STEPS = 3;
/** Keeps entries near their old values where the data does not determine them. */
const RIDGE = 1e-4;

/** What to add to the entries of each book. Gradients must be those of the errors. */
export async function refitBooks(
  groups: readonly FittedRows[],
  sizes: readonly number[],
): Promise<Float64Array[]> {
  const empty = (): Float64Array[] => sizes.map((size) => new Float64Array(size));
  const change = empty();
  const residual = empty();
  const diagonal = empty();
  for (const group of groups) {
    await addGradients(group, residual);
    addDiagonal(group, diagonal);
  }
  for (const own of diagonal) {
    const ridge = (RIDGE * own.reduce((sum, value) => sum + value, 0)) / own.length;
    own.forEach((value, c) => (own[c] = value + ridge || 1));
  }
  let direction: Float64Array[] | undefined;
  let before = sizes.map(() => 0);
  for (let step = 0; step < STEPS; step++) {
    const next = residual.map((own, b) => own.map((value, c) => value / diagonal[b]![c]!));
    const products = next.map((own, b) => dot(own, residual[b]!));
    const last: Float64Array[] | undefined = direction;
    direction = next.map((own, b) =>
      own.map(
        (value, c) =>
          value + (last && before[b]! > 0 ? products[b]! / before[b]! : 0) * (last?.[b]?.[c] ?? 0),
      ),
    );
    const image = empty();
    for (const group of groups) await addImage(group, direction, image);
    direction.forEach((own, b) => {
      const curvature = dot(own, image[b]!);
      const length = curvature > 0 ? products[b]! / curvature : 0;
      own.forEach((value, c) => {
        change[b]![c]! += length * value;
        residual[b]![c]! -= length * image[b]![c]!;
      });
    });
    before = products;
  }
  return change;
}

/** sums -= Σ over rows of importance · Aᵀ H e */
async function addGradients(group: FittedRows, sums: readonly Float64Array[]): Promise<void> {
  const { coded, gradients } = group;
  for (const rows of slabs(coded.rows, coded.columns))
    scatter(group, await gradients.at(rows, [0, coded.columns]), sums, -1, between(rows));
}

/**
 * image += Σ over rows of importance · Aᵀ H A d, A being the assignment of codes. A book of many rows has few
 * entries, so that some rows tell how they depend on each other.
 */
async function addImage(
  group: FittedRows,
  direction: readonly Float64Array[],
  image: readonly Float64Array[],
): Promise<void> {
  const { coded, gradients, books } = group;
  const { columns, codes } = coded;
  const sample = sampleOf(group, direction.length);
  for (const [top, bottom] of slabs(sample.length, columns)) {
    const rows = sample.subarray(top, bottom);
    const values = new Float32Array(rows.length * columns);
    rows.forEach((row, i) => {
      const own = direction[books[row]!]!;
      for (let j = 0, at = row * columns, to = i * columns; j < columns; j++, at++, to++)
        values[to] = own[codes[at]!] ?? 0;
    });
    const product = await gradients.system.times(matrixOf(rows.length, columns, values));
    scatter(group, product, image, coded.rows / sample.length, rows);
  }
}

/** Rows of a group that share a book: at most so many are looked at to see how its entries depend on each other. */
const SAMPLED_ROWS = 128;

/** All rows, or some of them, evenly, where all have one book. */
function sampleOf({ coded: { rows } }: FittedRows, books: number): Int32Array {
  const count = books === 1 ? Math.min(rows, SAMPLED_ROWS) : rows;
  return Int32Array.from({ length: count }, (_, i) => Math.floor((i * rows) / count));
}

/** Adds the values at the weights of some rows to the entries of their codes. */
function scatter(
  { coded: { columns, codes }, importance, books }: FittedRows,
  values: Float32Array,
  sums: readonly Float64Array[],
  scale: number,
  rows: Int32Array,
): void {
  let from = 0;
  for (const row of rows) {
    const own = sums[books[row]!]!;
    const factor = scale * importance[row]!;
    for (let j = 0, at = row * columns; j < columns; j++, from++, at++) {
      const code = codes[at]!;
      if (code >= 0) own[code]! += factor * values[from]!;
    }
  }
}

/** The normal equations for the diagonal of H alone: the preconditioner. */
function addDiagonal(
  { coded, gradients, importance, books }: FittedRows,
  diagonal: readonly Float64Array[],
): void {
  const { columns, rows, codes } = coded;
  for (let row = 0, at = 0; row < rows; row++) {
    const own = diagonal[books[row]!]!;
    for (let j = 0; j < columns; j++, at++)
      if (codes[at]! >= 0) own[codes[at]!]! += importance[row]! * gradients.system.diagonal[j]!;
  }
}

function between([top, bottom]: Range): Int32Array {
  return Int32Array.from({ length: bottom - top }, (_, i) => top + i);
}
