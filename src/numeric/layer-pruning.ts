/**
 * The work of pruning one layer whose inputs were measured: the loss of each weight, the refit of what is left, and both
 * together. Weights are [rows, columns], row-major; the rows of a group, which come one after the other, share H = E[x xᵀ] + λI.
 */
import { SupportSolver } from "./least-squares.js";
import { cholesky, inverseDiagonal, multiplySymmetric } from "./linear-algebra.js";

/** Features beyond which the inverse is taken in blocks along its diagonal: a factorization costs their number cubed. */
const BLOCK_LIMIT = 1536;

export interface LayerMatrix {
  readonly weights: Float32Array;
  readonly rows: number;
  readonly columns: number;
  /** H of each group, full and row-major; undefined where the inputs never varied. */
  readonly h: readonly (Float64Array | undefined)[];
}

/**
 * For each weight the loss of removing it alone, everything else refit, divided by `norm`.
 * Divided by what the layer puts out, E/E₀, all layers are equal; but errors of a large layer, fitted to few samples,
 * are larger on others. Hence E₀/√n: in one stage lenet keeps 96 % top-1 at 85 % pruned, with E₀ alone 81 %.
 */
export function scoreLayer(layer: LayerMatrix): { scores: Float32Array; norm: number } {
  const { weights, columns, h } = layer;
  const count = weights.length;
  let energy = 0;
  const inverses: (Float64Array | undefined)[] = [];
  eachGroup(layer, (h, rows) => {
    inverses.push(h && inverseDiagonalOf(h, columns));
    for (const row of rows) {
      const own = weights.subarray(row * columns, (row + 1) * columns);
      energy += h ? dot(multiplySymmetric(h, columns, own), own) : dot(own, own);
    }
  });
  const norm = energy > 0 ? energy / Math.sqrt(count) : 1;
  const perGroup = count / h.length;
  const scores = new Float32Array(count);
  // Divided in double precision: squares of tiny or huge weights do not fit float32.
  for (let i = 0; i < count; i++) scores[i] = weights[i]! ** 2 / (inverses[Math.floor(i / perGroup)]?.[i % columns] ?? 1) / norm;
  return { scores, norm };
}

/** What is refit, and its losses, where they were measured anew. */
export interface MeasuredLayer {
  readonly fitted: Float32Array;
  readonly scores: Float32Array;
}

/** Refits what is left to the weights as they were, and measures its losses anew. Changes `fitted` and `scores` there. */
export function measureLayer(layer: LayerMatrix, { fitted, scores }: MeasuredLayer, alive: Uint8Array, norm: number): MeasuredLayer {
  const { weights: original, columns } = layer;
  eachGroup(layer, (h, rows) => {
    if (!h) return;
    const solver = new SupportSolver(h, columns);
    for (const row of rows) {
      const support = supportOf(alive, row, columns);
      const { weights, losses } = solver.refitWithLosses(support, original.subarray(row * columns, (row + 1) * columns));
      support.forEach((column, k) => {
        fitted[row * columns + column] = weights[k]!;
        scores[row * columns + column] = losses[k]! / norm;
      });
    }
  });
  return { fitted, scores };
}

/** The layer's weights as they will be. */
export interface SettledLayer {
  readonly weights: Float32Array;
  /** (w - ŵ) μ for each row: the shift that a bias must take up. */
  readonly meanShift: Float64Array;
}

/**
 * Sets what is gone to zero and refits what is left.
 * @param start where the refit begins, which is overwritten; absent: the weights as they are
 * @param means μ of each group's inputs, where measured
 */
export function settleLayer(layer: LayerMatrix, start: Float32Array | undefined, alive: Uint8Array, means: readonly (Float64Array | undefined)[]): SettledLayer {
  const { weights: original, rows: count, columns } = layer;
  const weights = start ?? original.slice();
  const meanShift = new Float64Array(count);
  eachGroup(layer, (h, rows, group) => {
    const solver = h && new SupportSolver(h, columns);
    const mean = means[group];
    for (const row of rows) {
      const support = supportOf(alive, row, columns);
      const begin = row * columns;
      if (solver && support.length > 0 && support.length < columns) {
        const refit = solver.refit(support, original.subarray(begin, begin + columns), weights.subarray(begin, begin + columns));
        support.forEach((column, k) => void (weights[begin + column] = refit[k]!));
      }
      for (let j = 0, at = begin; j < columns; j++, at++) {
        if (alive[at] === 0) weights[at] = 0;
        meanShift[row]! += (original[at]! - weights[at]!) * (mean?.[j] ?? 0);
      }
    }
  });
  return { weights, meanShift };
}

/** The columns of a row that are left, ascending. */
function supportOf(alive: Uint8Array, row: number, columns: number): Int32Array {
  const support = new Int32Array(columns);
  let n = 0;
  for (let j = 0; j < columns; j++) if (alive[row * columns + j] === 1) support[n++] = j;
  return support.subarray(0, n);
}

function eachGroup({ rows, h }: LayerMatrix, visit: (h: Float64Array | undefined, rows: number[], group: number) => void): void {
  const share = rows / h.length;
  h.forEach((own, group) => visit(own, Array.from({ length: share }, (_, k) => group * share + k), group));
}

/** The diagonal of H⁻¹, or of the inverses of blocks of H along its diagonal when it is large. */
function inverseDiagonalOf(h: Float64Array, size: number): Float64Array {
  const blocks = Math.ceil(size / BLOCK_LIMIT);
  const diagonal = new Float64Array(size);
  for (let b = 0; b < blocks; b++) {
    const begin = Math.floor((b * size) / blocks);
    const n = Math.floor(((b + 1) * size) / blocks) - begin;
    const block = new Float64Array(n * n);
    for (let i = 0; i < n; i++) block.set(h.subarray((begin + i) * size + begin, (begin + i) * size + begin + n), i * n);
    if (!cholesky(block, n)) throw new RangeError("the matrix of second moments is not positive definite");
    inverseDiagonal(block, n, diagonal.subarray(begin, begin + n));
  }
  return diagonal;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
