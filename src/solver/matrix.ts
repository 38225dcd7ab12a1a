/** The matrices of the solvers, and the engine that multiplies them. */

export type Reals = Float32Array | Float64Array;

/** Row-major. The type of `data` is the precision in which it is multiplied. */
export interface Matrix<T extends Reals = Reals> {
  readonly rows: number;
  readonly columns: number;
  readonly data: T;
}

/**
 * Large products, computed by onnxruntime where it runs and by plain loops elsewhere. All other linear algebra
 * builds on these two, so another engine needs little.
 */
export interface MatrixEngine {
  /** A B, or A Bᵀ with `transposed`. Both in the same precision. */
  multiply<T extends Reals>(a: Matrix<T>, b: Matrix<T>, transposed?: boolean): Promise<Matrix<T>>;
  /** Aᵀ A. */
  gram<T extends Reals>(a: Matrix<T>): Promise<Matrix<T>>;
}

/** A matrix over existing values. */
export function matrixOf<T extends Reals>(rows: number, columns: number, data: T): Matrix<T> {
  if (data.length !== rows * columns)
    throw new RangeError(`a matrix of ${rows} x ${columns} cannot hold ${data.length} values`);
  return { rows, columns, data };
}

/** Some rows of a matrix, on the same memory. */
export function rowsOf<T extends Reals>({ columns, data }: Matrix<T>, from: number, to: number): Matrix<T> {
  return matrixOf(to - from, columns, data.subarray(from * columns, to * columns) as T);
}

/** A copy of a part of a matrix. */
export function partOf<T extends Reals>(
  { columns, data }: Matrix<T>,
  rows: readonly [number, number],
  cols: readonly [number, number],
): Matrix<T> {
  const [height, width] = [rows[1] - rows[0], cols[1] - cols[0]];
  const part = data.slice(0, 0).constructor as new (length: number) => T;
  const result = new part(height * width);
  for (let i = 0; i < height; i++) {
    const at = (rows[0] + i) * columns + cols[0];
    result.set(data.subarray(at, at + width), i * width);
  }
  return matrixOf(height, width, result);
}

/** Rows to process together: about four MB of weights, so that messages and pauses stay short. */
export function* slabs(rows: number, columns: number): Generator<readonly [number, number]> {
  const height = Math.max(64, Math.floor(SLAB / Math.max(1, columns)));
  for (let from = 0; from < rows; from += height) yield [from, Math.min(rows, from + height)];
}

const SLAB = 2 ** 20;

/** The sum of products, in double precision. */
export function dot(a: Reals, b: Reals): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
