import { describe, expect, it } from "vitest";
import { gradientsOf } from "../../src/solver/code-gradients.js";
import type { CodedRows } from "../../src/solver/code-rows.js";
import { known } from "../../src/solver/input-system.js";
import { PLAIN_ENGINE } from "../../src/solver/index.js";
import { refitBooks } from "../../src/solver/refit-books.js";
import { systemFrom } from "../../src/solver/system.js";
import { uniform } from "../support/seeded.js";
import { eliminate, layerOf, lossOf, systemAt } from "./rows.js";

const K = 4;
const BOOK = Float64Array.of(-1.3, -0.4, 0.4, 1.3);

/** The entries of least loss for given codes, from the normal equations: Aᵀ H A c = Aᵀ H w. */
function bestEntries(layer: ReturnType<typeof layerOf>, codes: Int16Array): number[] {
  const { rows, columns: n, weights } = layer;
  const h = systemAt(layer, 0);
  const a = Array.from({ length: K }, () => new Array<number>(K).fill(0));
  const b = new Array<number>(K).fill(0);
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const [p, q] = [codes[row * n + i]!, codes[row * n + j]!];
        a[p]![q]! += h[i * n + j]!;
        b[p]! += h[i * n + j]! * weights[row * n + j]!;
      }
  return eliminate(a, b);
}

describe("refitBooks", () => {
  it.each([20, 600])("comes near the best entries of %i rows with one book", async (rows) => {
    const layer = layerOf(rows, 24, 3);
    const next = uniform(4);
    // Codes near the best ones, and a few others.
    const codes = Int16Array.from(layer.weights, (w) =>
      next() < 0.1 ? Math.floor(next() * K) : w < -0.8 ? 0 : w < 0 ? 1 : w < 0.8 ? 2 : 3,
    );
    const coded: CodedRows = {
      rows,
      columns: 24,
      weights: layer.weights,
      fixed: undefined,
      partners: undefined,
      codes,
      error: layer.weights.map((w, i) => BOOK[codes[i]!]! - w),
      bookOf: () => BOOK,
      boundsOf: () => Float64Array.of(),
    };
    const system = systemFrom(PLAIN_ENGINE, known(layer.inputs[0]!), layer.system)!;
    const gradients = gradientsOf(PLAIN_ENGINE, system, coded);
    await gradients.measure();
    const importance = new Float64Array(rows).fill(1);
    const [change] = await refitBooks([{ coded, gradients, importance, books: new Int32Array(rows) }], [K]);
    const lossWith = (book: ArrayLike<number>): number =>
      lossOf(
        layer,
        Float32Array.from(codes, (code) => book[code]!),
      );
    const best = lossWith(bestEntries(layer, codes));
    const before = lossWith(BOOK) - best;
    expect(lossWith(BOOK.map((entry, c) => entry + change![c]!)) - best).toBeLessThan(0.1 * before);
  });
});
