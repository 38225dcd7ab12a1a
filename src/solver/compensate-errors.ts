/** Chooses codes so that each makes up for the errors of those before, in blocks of columns. */
import { entryFor, type CodedRows, type Range } from "./code-rows.js";
import type { CodeOrder } from "./code-order.js";
import { type Matrix, matrixOf, slabs } from "./matrix.js";

/**
 * Chooses codes feature by feature, each compensating the errors of those before (GPTQ, Frantar et al. 2022),
 * from the factor of H itself, going backwards (Chen et al., "The geometry of LLM quantization", 2025; see
 * numeric/error-compensation.ts).
 */
export async function compensateErrors(coded: CodedRows, order: CodeOrder): Promise<void> {
  for (const rows of slabs(coded.rows, coded.columns)) {
    const sums = order.sumsOf(rows);
    // In the order of choice, so that what a block needs of a row lies together in memory.
    const weights = reordered(coded.weights, rows, order.features);
    for (let b = order.blocks.length - 1; b >= 0; b--) {
      const errors = compensateBlock(coded, order, b, { rows, weights, sums: await sums.at(b) });
      await sums.add(b, errors);
    }
    putBack(coded.error, rows, order.features, weights);
  }
}

interface Slab {
  readonly rows: Range;
  /** [rows, columns], in the order of choice; errors take their place. */
  readonly weights: Float32Array;
  /** Of the block, [rows, width]. */
  readonly sums: Float32Array;
}

/** Returns the errors of the block, [rows, width]. */
function compensateBlock(
  coded: CodedRows,
  { features, blocks }: CodeOrder,
  block: number,
  { rows: [top, bottom], weights, sums }: Slab,
): Matrix<Float32Array> {
  const { columns: n, fixed, codes } = coded;
  const { from, lower } = blocks[block]!;
  const width = lower.rows;
  const errors = matrixOf(bottom - top, width, new Float32Array((bottom - top) * width));
  const { inverse, upper } = upperOver(lower);
  const own = new Float64Array(width);
  for (let row = top, out = 0, at = from; row < bottom; row++, out += width, at += n) {
    const book = coded.bookOf(row);
    own.fill(0);
    for (let i = width - 1; i >= 0; i--) {
      const weight = weights[at + i]!;
      if (weight !== fixed) {
        const j = features[from + i]!;
        const sum = sums[out + i]! * inverse[i]! + dotFrom(i + 1, upper, i * width, own);
        const code = entryFor(coded, row, j, weight - sum);
        codes[row * n + j] = code;
        errors.data[out + i] = own[i] = Math.fround(book[code]! - weight);
      }
      weights[at + i] = own[i]!;
    }
  }
  return errors;
}

/** Lᵀ, whose rows are walked, each over its diagonal, and the inverse of that. */
function upperOver({ rows: n, data: l }: Matrix<Float32Array>): {
  inverse: Float64Array;
  upper: Float64Array;
} {
  const inverse = Float64Array.from({ length: n }, (_, i) => 1 / l[i * (n + 1)]!);
  const upper = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let k = i; k < n; k++) upper[i * n + k] = l[k * n + i]! * inverse[i]!;
  return { inverse, upper };
}

/** Some rows of values, with their columns reordered. */
function reordered(values: Float32Array, [top, bottom]: Range, order: Int32Array): Float32Array {
  const n = order.length;
  const result = new Float32Array((bottom - top) * n);
  for (let from = top * n, to = 0; to < result.length; from += n)
    for (let i = 0; i < n; i++, to++) result[to] = values[from + order[i]!]!;
  return result;
}

/** The opposite. */
function putBack(values: Float32Array, [top]: Range, order: Int32Array, ordered: Float32Array): void {
  const n = order.length;
  for (let from = 0, to = top * n; from < ordered.length; to += n)
    for (let i = 0; i < n; i++, from++) values[to + order[i]!] = ordered[from]!;
}

/** Σ a[at + k] b[k] from `first` on; in two sums, because each addition waits for the one before. */
function dotFrom(first: number, a: Float64Array, at: number, b: Float64Array): number {
  let [even, odd] = [0, 0];
  let k = first;
  for (; k + 2 <= b.length; k += 2) {
    even += a[at + k]! * b[k]!;
    odd += a[at + k + 1]! * b[k + 1]!;
  }
  return k < b.length ? even + odd + a[at + k]! * b[k]! : even + odd;
}
