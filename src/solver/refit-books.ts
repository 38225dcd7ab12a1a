/**
 * The best entries of codebooks for fixed codes: least squares with a few unknowns per codebook, over all rows
 * that share it, Σ importance · (ŵ - w)ᵀ H (ŵ - w). Uses conjugate gradients, because each step is one product
 * with H for all codebooks together; the normal equations would take one for every entry.
 */
import { type CodedRows } from "./code-rows.js";
import { dot, type Matrix, type MatrixEngine, matrixOf, slabs } from "./matrix.js";

/** The rows of a group, with everything else that a fit of their codebooks needs. */
export interface FittedRows {
  readonly coded: CodedRows;
  readonly h: Matrix<Float32Array>;
  readonly importance: Float64Array;
  /** The number of each row's book. */
  readonly books: Int32Array;
}

const STEPS = 3;
/** Keeps entries near their old values where the data does not determine them. */
const RIDGE = 1e-4;

/** What to add to the entries of each book. Gradients must be those of the errors. */
export async function refitBooks(
  engine: MatrixEngine,
  groups: readonly FittedRows[],
  sizes: readonly number[],
): Promise<Float64Array[]> {
  const empty = (): Float64Array[] => sizes.map((size) => new Float64Array(size));
  const change = empty();
  const residual = empty();
  const diagonal = empty();
  for (const group of groups) {
    scatter(group, group.coded.gradient, residual, -1);
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
    for (const group of groups) await addImage(engine, group, direction, image);
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

/** image += Σ over rows of importance · Aᵀ H A d, A being the assignment of codes. */
async function addImage(
  engine: MatrixEngine,
  group: FittedRows,
  direction: readonly Float64Array[],
  image: readonly Float64Array[],
): Promise<void> {
  const { coded, h, books } = group;
  const { columns, codes } = coded;
  for (const [top, bottom] of slabs(coded.rows, columns)) {
    const values = new Float32Array((bottom - top) * columns);
    for (let row = top, to = 0; row < bottom; row++) {
      const own = direction[books[row]!]!;
      for (let j = 0, at = row * columns; j < columns; j++, to++) values[to] = own[codes[at + j]!] ?? 0;
    }
    const product = await engine.multiply(matrixOf(bottom - top, columns, values), h);
    scatter(group, product.data, image, 1, [top, bottom]);
  }
}

/** Adds the values at the weights to the entries of their codes. */
function scatter(
  { coded: { columns, codes, rows }, importance, books }: FittedRows,
  values: Float32Array,
  sums: readonly Float64Array[],
  sign: number,
  [top, bottom]: readonly [number, number] = [0, rows],
): void {
  for (let row = top, from = 0; row < bottom; row++) {
    const own = sums[books[row]!]!;
    const factor = sign * importance[row]!;
    for (let j = 0, at = row * columns; j < columns; j++, from++)
      if (codes[at + j]! >= 0) own[codes[at + j]!]! += factor * values[from]!;
  }
}

/** The normal equations for the diagonal of H alone: the preconditioner. */
function addDiagonal({ coded, h, importance, books }: FittedRows, diagonal: readonly Float64Array[]): void {
  const { columns, rows, codes } = coded;
  for (let row = 0, at = 0; row < rows; row++) {
    const own = diagonal[books[row]!]!;
    for (let j = 0; j < columns; j++, at++)
      if (codes[at]! >= 0) own[codes[at]!]! += importance[row]! * h.data[j * columns + j]!;
  }
}
