/** Improves codes column by column, in blocks of columns: one product applies a block's changes to the others. */
import type { CodeGradients } from "./code-gradients.js";
import { entryFor, type CodedRows, type Range } from "./code-rows.js";
import { type Matrix, matrixOf, slabs } from "./matrix.js";

const BLOCK = 128;

/**
 * Improves codes one by one: weight j moves to the entry nearest to ŵ_j - (H e)_j / H_jj, its best value with
 * all others fixed (COMQ, Zhang et al. 2024; QuantEase, Behdin et al. 2023). A weight without a code has no error,
 * and is given its first: chosen so that it makes up for the errors of those before (GPFQ, Lybrand & Saab 2021).
 * Returns how many moved.
 */
export async function improveCodes(coded: CodedRows, gradients: CodeGradients): Promise<number> {
  let moved = 0;
  for (let from = 0; from < coded.columns; from += BLOCK) {
    const columns: Range = [from, Math.min(coded.columns, from + BLOCK)];
    const h = await gradients.within(columns);
    for (const rows of slabs(coded.rows, coded.columns)) {
      const steps = matrixOf(rows[1] - rows[0], h.rows, await gradients.at(rows, columns));
      const own = improveBlock(coded, h, rows[0], from, steps.data);
      moved += own;
      if (own > 0) await gradients.add(rows, columns, steps);
    }
  }
  return moved;
}

/** @param gradients [rows, width]; the steps take their place */
function improveBlock(
  coded: CodedRows,
  { columns: width, data: h }: Matrix<Float32Array>,
  top: number,
  from: number,
  gradients: Float32Array,
): number {
  const { columns: n, weights, fixed, error, codes, partners } = coded;
  const own = new Float64Array(width);
  const inverse = Float64Array.from(own, (_, i) => 1 / h[i * (width + 1)]!);
  let moved = 0;
  for (let start = 0, row = top; start < gradients.length; start += width, row++) {
    const at = row * n + from;
    const [book, bounds] = [coded.bookOf(row), coded.boundsOf(row)];
    own.set(gradients.subarray(start, start + width));
    gradients.fill(0, start, start + width);
    for (let i = 0; i < width; i++) {
      const weight = weights[at + i]!;
      if (weight === fixed) continue;
      const best = weight + error[at + i]! - own[i]! * inverse[i]!;
      const before = codes[at + i]!;
      // Most weights do not move.
      if (!partners && best > bounds[before]! && best <= bounds[before + 1]!) continue;
      const code = entryFor(coded, row, from + i, best);
      if (code === before) continue;
      moved++;
      const step = book[code]! - weight - error[at + i]!;
      codes[at + i] = code;
      error[at + i] = book[code]! - weight;
      gradients[start + i] = step;
      for (let k = i + 1, p = i * width + k; k < width; k++, p++) own[k]! += step * h[p]!;
    }
  }
  return moved;
}
