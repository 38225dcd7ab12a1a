/**
 * The order in which a layer's codes are chosen, and the factor L of H in that order, by which each makes up for
 * errors made before: from H itself, or, where H = Xᵀ X + λI for few inputs X [n, K], from X. Of the features F
 * before a block B, only what they cannot make up for counts, M = (I + X_F X_Fᵀ / λ)⁻¹:
 *
 *   L_BB L_BBᵀ = λI + X_Bᵀ M X_B    L_PB = X_Pᵀ Z_B, Z_B = M X_B L_BB⁻ᵀ    M ← M - Z_B Z_Bᵀ
 *
 * With U = e_P X_Pᵀ of the errors made so far, what they contribute to the block is e_P L_PB = U Z_B. All this
 * takes 2 n² K products instead of K³ / 3, and 2 n K a row instead of K² / 2.
 */
import { cholesky, invertLower } from "../numeric/linear-algebra.js";
import { orderByDiagonal, orderedFeatures } from "../numeric/error-compensation.js";
import { type DenseGradients, RowGradients } from "./code-gradients.js";
import type { Range } from "./code-rows.js";
import { factorizeSingles } from "./factorize.js";
import { type Matrix, type MatrixEngine, matrixOf, partOf, rowsOf } from "./matrix.js";
import type { DenseSystem } from "./system.js";

/** Of columns that make up for each other in plain loops; what they do to all others is a product. */
const BLOCK = 64;

type Singles = Matrix<Float32Array>;

export interface CodeOrder {
  /** The feature at each position; the last is chosen first. */
  readonly features: Int32Array;
  readonly blocks: readonly { readonly from: number; readonly lower: Singles }[];
  /** Of some rows, before any error is made. */
  sumsOf(rows: Range): ErrorSums;
  /** Whether the gradients of the rows take in the errors as they are made. */
  readonly keepsGradients: boolean;
}

/** Σ e_k L_ki over the positions k beyond a block, for those i in it. */
export interface ErrorSums {
  /** [rows, width]; blocks come from the last to the first. */
  at(block: number): Promise<Float32Array>;
  /** @param errors those of a block's positions, [rows, width] */
  add(block: number, errors: Singles): Promise<void>;
}

/**
 * In single precision, because no entry of the diagonal exceeds the ridge by more than a hundred times the number
 * of features. Undefined when H is not positive definite to that precision.
 */
export function orderOf(
  engine: MatrixEngine,
  gradients: DenseGradients | RowGradients,
): Promise<CodeOrder | undefined> {
  return gradients instanceof RowGradients
    ? rowOrder(engine, gradients)
    : denseOrder(engine, gradients.system);
}

async function denseOrder(
  engine: MatrixEngine,
  { h: { rows: n, data } }: DenseSystem,
): Promise<CodeOrder | undefined> {
  const ordered = matrixOf(n, n, new Float32Array(n * n));
  const features = orderByDiagonal(data, n, ordered.data);
  const factor = await factorizeSingles(engine, ordered);
  if (!factor) return undefined;
  const blocks = starts(n).map((from) => {
    const range: Range = [from, Math.min(n, from + BLOCK)];
    return { from, lower: partOf(factor, range, range) };
  });
  const sumsOf = ([top, bottom]: Range): ErrorSums => new DenseSums(engine, factor, bottom - top, blocks);
  return { features, blocks, sumsOf, keepsGradients: false };
}

class DenseSums implements ErrorSums {
  private readonly sums: Singles;

  constructor(
    private readonly engine: MatrixEngine,
    private readonly factor: Singles,
    rows: number,
    private readonly blocks: CodeOrder["blocks"],
  ) {
    this.sums = matrixOf(rows, factor.rows, new Float32Array(rows * factor.rows));
  }

  at(block: number): Promise<Float32Array> {
    const { from, lower } = this.blocks[block]!;
    return Promise.resolve(partOf(this.sums, [0, this.sums.rows], [from, from + lower.rows]).data);
  }

  async add(block: number, errors: Singles): Promise<void> {
    const { from, lower } = this.blocks[block]!;
    if (from === 0) return;
    const { data, columns } = this.sums;
    const left = partOf(this.factor, [from, from + lower.rows], [0, from]);
    const effect = await this.engine.multiply(errors, left);
    for (let row = 0; row < errors.rows; row++)
      for (let i = 0, p = row * from, q = row * columns; i < from; i++) data[q + i]! += effect.data[p + i]!;
  }
}

interface RowBlock {
  readonly from: number;
  readonly lower: Singles;
  /** X_Bᵀ */
  readonly inputs: Singles;
  /** Z_Bᵀ */
  readonly left: Singles;
}

async function rowOrder(engine: MatrixEngine, gradients: RowGradients): Promise<CodeOrder | undefined> {
  const { features: x, system, outputs } = gradients;
  const order = orderedFeatures(system.diagonal);
  const m = identity(x.columns);
  const blocks: RowBlock[] = [];
  for (const from of starts(order.length)) {
    const inputs = chosenRows(x, order.subarray(from, from + BLOCK));
    const block = await rowBlock(engine, { from, inputs }, m, system.ridge);
    if (!block) return undefined;
    blocks.push(block);
    subtract(m.data, (await engine.gram(block.left)).data);
  }
  const sumsOf = (rows: Range): ErrorSums => ({
    at: async (b) => (await engine.multiply(rowsOf(outputs, ...rows), blocks[b]!.left, true)).data,
    add: (b, errors) => gradients.addOutputs(rows, errors, blocks[b]!.inputs),
  });
  return { features: order, blocks, sumsOf, keepsGradients: true };
}

/** @param m what the features before the block cannot make up for */
async function rowBlock(
  engine: MatrixEngine,
  { from, inputs }: Pick<RowBlock, "from" | "inputs">,
  m: Singles,
  ridge: number,
): Promise<RowBlock | undefined> {
  const n = inputs.rows;
  const seen = await engine.multiply(inputs, m);
  const factor = new Float64Array((await engine.multiply(inputs, seen, true)).data);
  for (let i = 0; i < n; i++) factor[i * (n + 1)]! += ridge;
  if (!cholesky(factor, n)) return undefined;
  for (let i = 0; i < n; i++) factor.fill(0, i * n + i + 1, (i + 1) * n);
  const lower = matrixOf(n, n, new Float32Array(factor));
  invertLower(factor, n);
  const left = await engine.multiply(matrixOf(n, n, new Float32Array(factor)), seen);
  return { from, lower, inputs, left };
}

function identity(n: number): Singles {
  const data = new Float32Array(n * n);
  for (let i = 0; i < n; i++) data[i * (n + 1)] = 1;
  return matrixOf(n, n, data);
}

function subtract(from: Float32Array, other: Float32Array): void {
  for (let i = 0; i < from.length; i++) from[i]! -= other[i]!;
}

function starts(n: number): number[] {
  return Array.from({ length: Math.ceil(n / BLOCK) }, (_, b) => b * BLOCK);
}

function chosenRows({ columns, data }: Singles, chosen: Int32Array): Singles {
  const result = new Float32Array(chosen.length * columns);
  for (const [i, row] of chosen.entries())
    result.set(data.subarray(row * columns, (row + 1) * columns), i * columns);
  return matrixOf(chosen.length, columns, result);
}
