/**
 * H = E[x xᵀ] + λI as solvers use it: a matrix, or, where there are fewer inputs x than half of their features,
 * the inputs themselves, X [n, size], with H = Xᵀ X + λI. A product with n rows twice is then cheaper than one
 * with the matrix, and inverses come from an n x n matrix (Woodbury):
 *
 *   H⁻¹ = (I - Xᵀ (X Xᵀ + λI)⁻¹ X) / λ
 */
import {
  type KnownInputs,
  partOfSystem,
  ridgeOf,
  type SampledInputs,
  systemOf,
  type SystemOptions,
} from "./input-system.js";
import { inverseFactor } from "./inverse-factor.js";
import { dot, type Matrix, type MatrixEngine, matrixOf, partOf, type Reals } from "./matrix.js";

export interface System {
  readonly size: number;
  /** Of H, positive. */
  readonly diagonal: Float32Array;
  /** Some columns of H, one after the other. */
  columns(chosen: readonly number[]): Promise<Float32Array>;
  /** A H */
  times(a: Matrix<Float32Array>): Promise<Float32Array>;
  /** Σ (A H) ∘ A */
  energy(a: Matrix<Float32Array>): Promise<number>;
}

/** Undefined if the inputs never varied. Large moments are overwritten; see `systemOf`. */
export function systemFrom(
  engine: MatrixEngine,
  inputs: KnownInputs,
  options: SystemOptions,
): DenseSystem | RowSystem | undefined {
  if ("matrix" in inputs) {
    const h = systemOf(inputs, options);
    return h && new DenseSystem(engine, h);
  }
  const ridge = ridgeOf(inputs, options);
  return ridge === undefined ? undefined : new RowSystem(engine, centredRows(inputs, options), ridge);
}

export class DenseSystem implements System {
  readonly size: number;
  readonly diagonal: Float32Array;

  constructor(
    private readonly engine: MatrixEngine,
    readonly h: Matrix<Float32Array>,
  ) {
    this.size = h.rows;
    this.diagonal = Float32Array.from({ length: h.rows }, (_, i) => h.data[i * h.rows + i]!);
  }

  columns(chosen: readonly number[]): Promise<Float32Array> {
    const found = new Float32Array(chosen.length * this.size);
    for (const [k, j] of chosen.entries())
      found.set(this.h.data.subarray(j * this.size, (j + 1) * this.size), k * this.size);
    return Promise.resolve(found);
  }

  async times(a: Matrix<Float32Array>): Promise<Float32Array> {
    return (await this.engine.multiply(a, this.h)).data;
  }

  async energy(a: Matrix<Float32Array>): Promise<number> {
    return dot(await this.times(a), a.data);
  }
}

export class RowSystem implements System {
  readonly size: number;
  readonly diagonal: Float32Array;

  /** @param x rows over the root of their number, about their mean if that does not count */
  constructor(
    private readonly engine: MatrixEngine,
    readonly x: Matrix<Float32Array>,
    readonly ridge: number,
  ) {
    const { columns: n, data } = x;
    this.size = n;
    const squares = new Float64Array(n);
    for (let row = 0, at = 0; row < x.rows; row++)
      for (let j = 0; j < n; j++, at++) squares[j]! += data[at]! ** 2;
    this.diagonal = Float32Array.from(squares, (square) => square + ridge);
  }

  async columns(chosen: readonly number[]): Promise<Float32Array> {
    const { columns: n, rows, data } = this.x;
    const some = new Float32Array(chosen.length * rows);
    for (const [k, j] of chosen.entries())
      for (let row = 0; row < rows; row++) some[k * rows + row] = data[row * n + j]!;
    const found = (await this.engine.multiply(matrixOf(chosen.length, rows, some), this.x)).data;
    for (const [k, j] of chosen.entries()) found[k * n + j]! += this.ridge;
    return found;
  }

  async times(a: Matrix<Float32Array>): Promise<Float32Array> {
    const product = await this.engine.multiply(await this.engine.multiply(a, this.x, true), this.x);
    for (let i = 0; i < product.data.length; i++) product.data[i]! += this.ridge * a.data[i]!;
    return product.data;
  }

  async energy(a: Matrix<Float32Array>): Promise<number> {
    const { data } = await this.engine.multiply(a, this.x, true);
    return dot(data, data) + this.ridge * dot(a.data, a.data);
  }
}

/** X of H = Xᵀ X + λI. */
function centredRows(
  { size, samples, mean }: SampledInputs,
  { centred }: SystemOptions,
): Matrix<Float32Array> {
  const rows = samples.length / size;
  const scale = 1 / Math.sqrt(rows);
  const x = new Float32Array(samples.length);
  for (let row = 0, at = 0; row < rows; row++)
    for (let j = 0; j < size; j++, at++) x[at] = (samples[at]! - (centred ? mean[j]! : 0)) * scale;
  return matrixOf(rows, size, x);
}

/**
 * Features beyond which the inverse is taken in blocks along the diagonal: a factorization costs their number
 * cubed. Of inputs that are fewer than their features, the whole inverse would be cheap, but says that nearly
 * any weight can be spared, because the others fit these few inputs without it: the blocks keep what is
 * removed more even over layers (a ResNet-18 on 15 images: 37.8 dB, with the whole inverse 35.6).
 */
const BLOCK_LIMIT = 1536;

/** The diagonal of H⁻¹, or of the inverses of blocks of H along its diagonal when it is large. */
export async function inverseDiagonalOf(
  engine: MatrixEngine,
  inputs: KnownInputs,
  options: SystemOptions,
): Promise<Float64Array | undefined> {
  const ridge = ridgeOf(inputs, options);
  if (ridge === undefined) return undefined;
  const { size } = inputs;
  const x = "samples" in inputs ? centredRows(inputs, options) : undefined;
  const blocks = Math.ceil(size / BLOCK_LIMIT);
  const diagonal = new Float64Array(size);
  for (let b = 0; b < blocks; b++) {
    const range = [Math.floor((b * size) / blocks), Math.floor(((b + 1) * size) / blocks)] as const;
    const own =
      "samples" in inputs
        ? await diagonalFromRows(engine, partOf(x!, [0, x!.rows], range), ridge)
        : await diagonalFromMatrix(engine, partOfSystem(inputs, options, ridge, range), ridge);
    diagonal.set(own, range[0]);
  }
  return diagonal;
}

/**
 * From this ridge on, single precision will do, as it does for the moments: the least eigenvalue is far above
 * its rounding.
 */
const SINGLE_RIDGE = 1e-3;

/** The squares of the columns of L⁻¹, added up, for H = L Lᵀ. */
async function diagonalFromMatrix(
  engine: MatrixEngine,
  h: Matrix<Float64Array>,
  ridge: number,
): Promise<Float64Array> {
  const { data } = await inverseOf(engine, h, ridge);
  const diagonal = new Float64Array(h.rows);
  for (let i = 0, at = 0; i < h.rows; i++)
    for (let j = 0; j < h.rows; j++, at++) diagonal[j]! += data[at]! ** 2;
  return diagonal;
}

async function inverseOf(engine: MatrixEngine, a: Matrix<Float64Array>, ridge: number): Promise<Matrix> {
  const data = ridge < SINGLE_RIDGE ? a.data : new Float32Array(a.data);
  return definite(await inverseFactor<Reals>(engine, matrixOf<Reals>(a.rows, a.columns, data)));
}

/** With L Lᵀ = X Xᵀ + λI, that of (I - Xᵀ (L Lᵀ)⁻¹ X) / λ: the squares of L⁻¹ X, added up by column. */
async function diagonalFromRows(
  engine: MatrixEngine,
  { rows, columns, data }: Matrix<Float32Array>,
  ridge: number,
): Promise<Float64Array> {
  const x = matrixOf<Reals>(rows, columns, ridge < SINGLE_RIDGE ? new Float64Array(data) : data);
  const kernel = await engine.multiply(x, x, true);
  for (let i = 0; i < rows; i++) kernel.data[i * rows + i]! += ridge;
  const solved = await engine.multiply(definite(await inverseFactor(engine, kernel)), x);
  const diagonal = new Float64Array(columns).fill(1);
  for (let row = 0, at = 0; row < rows; row++)
    for (let j = 0; j < columns; j++, at++) diagonal[j]! -= solved.data[at]! ** 2;
  // Rounding must not leave a weight that costs nothing, or less.
  for (let j = 0; j < columns; j++) diagonal[j] = Math.max(diagonal[j]!, Number.EPSILON) / ridge;
  return diagonal;
}

function definite<T>(factor: T | undefined): T {
  if (factor === undefined) throw new RangeError("the matrix of second moments is not positive definite");
  return factor;
}
