/** A layer while it is pruned: its weights, which of them are left, and what losing each would cost. */
import { cholesky, inverseDiagonal, multiplySymmetric } from "../../numeric/linear-algebra.js";
import { centred, type InputMoments, SupportSolver, withRidge } from "../../numeric/least-squares.js";
import { countAlive, type Ranked } from "../../numeric/pruning.js";
import type { WeightLayer } from "../weights/weight-layers.js";
import { readRows } from "../weights/weight-matrix.js";
import { finiteValues } from "../weights/weight-values.js";

/** λ: the ridge as a share of the mean second moment. 1 and 5 % do equally well on the fixtures, 20 % worse. */
const RIDGE = 0.01;
/** Features beyond which the inverse is taken in blocks along its diagonal: a factorization costs their number cubed. */
const BLOCK_LIMIT = 1536;
/** Multiplications that measuring a layer's losses anew may cost; about half a second. */
const MEASURE_BUDGET = 5e8;

/** The layer's weights as they will be, row by row. */
export interface SettledLayer {
  readonly weights: Float32Array;
  /** (w - ŵ) μ for each row: the shift that a bias must take up. */
  readonly meanShift: Float64Array;
}

/** Holds five bytes for each weight; the weights themselves are read anew when they are needed, as all layers are open together. */
export class LayerState implements Ranked {
  readonly alive: Uint8Array;
  readonly scores: Float32Array;
  readonly count: number;
  /** What is left, refit: where the next fit starts. Only of layers that are cheap enough to be measured anew. */
  private fitted: Float32Array | undefined;
  /** Weights that were not zero to begin with. */
  readonly originallyLeft: number;
  /** By what all losses of the layer are divided, so that layers compare. */
  private norm = 1;

  /**
   * @param moments of the inputs, by group, when measured: scores are then losses
   * @param hasBias whether a bias can take up a shift of the mean, so that only deviations from it count
   */
  constructor(readonly layer: WeightLayer, private readonly moments: readonly InputMoments[] | undefined, readonly hasBias: boolean) {
    const original = this.readOriginal();
    this.count = original.length;
    this.alive = new Uint8Array(this.count);
    for (let i = 0; i < this.count; i++) this.alive[i] = original[i] === 0 ? 0 : 1;
    this.scores = new Float32Array(this.count);
    this.originallyLeft = countAlive(this.alive);
  }

  get left(): number {
    return countAlive(this.alive);
  }

  /** Whether weights that stay can be fitted to the inputs. */
  get isFitted(): boolean {
    return this.moments?.some((moments) => withRidge(moments, RIDGE) !== undefined) ?? false;
  }

  /**
   * First scores: |w|, or the loss of removing a weight alone, everything else refit, divided by the layer's norm.
   * Divided by what the layer puts out, E/E₀, all layers are equal; but errors of a large layer, fitted to few samples,
   * are larger on others. Hence E₀/√n: in one stage lenet keeps 96 % top-1 at 85 % pruned, with E₀ alone 81 %.
   */
  score(kind: "magnitude" | "loss"): void {
    const original = this.readOriginal();
    if (kind === "magnitude") {
      for (let i = 0; i < this.count; i++) this.scores[i] = Math.abs(original[i]!);
      return;
    }
    let energy = 0;
    const inverses: (Float64Array | undefined)[] = [];
    this.eachGroup((h, rows, columns) => {
      inverses.push(h && inverseDiagonalOf(h, columns));
      for (const row of rows) {
        const weights = original.subarray(row * columns, (row + 1) * columns);
        energy += h ? dot(multiplySymmetric(h, columns, weights), weights) : dot(weights, weights);
      }
    });
    this.norm = energy > 0 ? energy / Math.sqrt(this.count) : 1;
    const { columns, groups } = this.layer.layout;
    const perGroup = this.count / groups;
    // Divided in double precision: squares of tiny or huge weights do not fit float32.
    for (let i = 0; i < this.count; i++) this.scores[i] = original[i]! ** 2 / (inverses[Math.floor(i / perGroup)]?.[i % columns] ?? 1) / this.norm;
  }

  /** Refits what is left and measures the losses anew, when that is affordable. Otherwise the old ones stand. */
  measureAgain(): void {
    const { columns } = this.layer.layout;
    if (!this.isFitted || this.measuringCost() > MEASURE_BUDGET) return;
    const original = this.readOriginal();
    const fitted = (this.fitted ??= original.slice());
    this.eachGroup((h, rows) => {
      if (!h) return;
      const solver = new SupportSolver(h, columns);
      for (const row of rows) {
        const support = this.supportOf(row);
        const { weights, losses } = solver.refitWithLosses(support, original.subarray(row * columns, (row + 1) * columns));
        support.forEach((column, k) => {
          fitted[row * columns + column] = weights[k]!;
          this.scores[row * columns + column] = losses[k]! / this.norm;
        });
      }
    });
  }

  /** Sets what is gone to zero and refits what is left. */
  settle(): SettledLayer {
    const { rows: count, columns } = this.layer.layout;
    const original = this.readOriginal();
    const weights = this.fitted ?? original.slice();
    const meanShift = new Float64Array(count);
    this.eachGroup((h, rows, _columns, mean) => {
      const solver = h && new SupportSolver(h, columns);
      for (const row of rows) {
        const support = this.supportOf(row);
        const begin = row * columns;
        if (solver && support.length > 0 && support.length < columns) {
          const refit = solver.refit(support, original.subarray(begin, begin + columns), weights.subarray(begin, begin + columns));
          support.forEach((column, k) => void (weights[begin + column] = refit[k]!));
        }
        for (let j = 0, at = begin; j < columns; j++, at++) {
          if (this.alive[at] === 0) weights[at] = 0;
          meanShift[row]! += (original[at]! - weights[at]!) * (mean?.[j] ?? 0);
        }
      }
    });
    this.fitted = undefined;
    return { weights, meanShift };
  }

  private readOriginal(): Float32Array {
    return readRows(finiteValues(this.layer.tensor), this.layer.layout);
  }

  private measuringCost(): number {
    let cost = 0;
    for (let row = 0; row < this.layer.layout.rows; row++) cost += this.supportOf(row).length ** 3 / 3;
    return cost;
  }

  private supportOf(row: number): Int32Array {
    const { columns } = this.layer.layout;
    const support = new Int32Array(columns);
    let n = 0;
    for (let j = 0; j < columns; j++) if (this.alive[row * columns + j] === 1) support[n++] = j;
    return support.subarray(0, n);
  }

  /** Calls back for each group with its H, made anew so that a model's are not all held at once, and its rows. */
  private eachGroup(visit: (h: Float64Array | undefined, rows: number[], columns: number, mean: Float64Array | undefined) => void): void {
    const { rows, groups, columns } = this.layer.layout;
    for (let g = 0; g < groups; g++) {
      const moments = this.moments?.[g];
      const h = moments && withRidge(this.hasBias ? centred(moments) : moments, RIDGE);
      visit(h, Array.from({ length: rows / groups }, (_, k) => (g * rows) / groups + k), columns, moments?.mean);
    }
  }
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
