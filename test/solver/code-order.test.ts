/** The factor and the gradients by which codes are chosen, beside a plain factor of H in double precision. */
import { describe, expect, it } from "vitest";
import { cholesky } from "../../src/numeric/linear-algebra.js";
import { gradientsOf } from "../../src/solver/code-gradients.js";
import { type CodeOrder, orderOf } from "../../src/solver/code-order.js";
import type { CodedRows, Range } from "../../src/solver/code-rows.js";
import { compensateErrors } from "../../src/solver/compensate-errors.js";
import {
  type KnownInputs,
  matrixOf,
  measuredInputs,
  PLAIN_ENGINE,
  sampledInputs,
} from "../../src/solver/index.js";
import { systemFrom } from "../../src/solver/system.js";
import { normalArray } from "../support/seeded.js";

const ROWS = 3;
const RIDGE = 0.01;

/** Inputs with a common part and features of different size, and H from them by its definition. */
function inputsOf(count: number, n: number, asRows: boolean): { inputs: KnownInputs; h: Float64Array } {
  const noise = normalArray(count * n, 5);
  const common = normalArray(count, 6, 2);
  const x = noise.map((value, i) => (value + common[Math.floor(i / n)]!) * (1 + ((7 * i) % n) / n));
  const h = new Float64Array(n * n);
  let trace = 0;
  for (let at = 0; at < x.length; at += n)
    for (let i = 0; i < n; i++) {
      trace += x[at + i]! ** 2 / count;
      for (let j = 0; j < n; j++) h[i * n + j]! += (x[at + i]! * x[at + j]!) / count;
    }
  const mean = new Float64Array(n);
  const inputs = asRows ? sampledInputs(n, x, mean)! : measuredInputs(n, h.slice(), mean, count)!;
  for (let i = 0; i < n; i++) h[i * (n + 1)]! += (RIDGE * trace) / n;
  return { inputs, h: h.map((value) => value / (trace / n)) };
}

function codedOf(n: number): CodedRows {
  return {
    rows: ROWS,
    columns: n,
    weights: normalArray(ROWS * n, 1),
    fixed: undefined,
    partners: undefined,
    codes: new Int16Array(ROWS * n).fill(-1),
    error: new Float32Array(ROWS * n),
    bookOf: () => Float64Array.of(0),
    boundsOf: () => Float64Array.of(-Infinity, Infinity),
  };
}

/** L of H with its features in the order. */
function factorOf(h: Float64Array, order: Int32Array): Float64Array {
  const n = order.length;
  const l = Float64Array.from(
    { length: n * n },
    (_, at) => h[order[Math.floor(at / n)]! * n + order[at % n]!]!,
  );
  expect(cholesky(l, n)).toBe(true);
  return l;
}

/** Σ e_k L_ki over the positions from `to` on. */
function sumOf(l: Float64Array, errors: Float32Array, i: number, to: number): number {
  const n = errors.length;
  let sum = 0;
  for (let k = to; k < n; k++) sum += errors[k]! * l[k * n + i]!;
  return sum;
}

const KINDS = [
  ["moments", 200, 150, false],
  ["rows", 60, 150, true],
  ["a few rows", 5, 130, true],
  ["rows of one block", 20, 64, true],
] as const;

describe.each(KINDS)("from %s", (_, count, n, asRows) => {
  const { inputs, h } = inputsOf(count, n, asRows);
  const errors = normalArray(ROWS * n, 9);
  const blockErrors = (order: CodeOrder, b: number): Float32Array => {
    const { from, lower } = order.blocks[b]!;
    return Float32Array.from(
      { length: ROWS * lower.rows },
      (_, at) => errors[Math.floor(at / lower.rows) * n + from + (at % lower.rows)]!,
    );
  };

  it("blocks and sums of errors are those of L", async () => {
    const gradients = gradientsOf(
      PLAIN_ENGINE,
      systemFrom(PLAIN_ENGINE, inputs, { ridge: RIDGE, centred: false })!,
      codedOf(n),
    );
    const order = (await orderOf(PLAIN_ENGINE, gradients))!;
    expect([...order.features].sort((a, b) => a - b)).toEqual([...Array(n).keys()]);
    const l = factorOf(h, order.features);
    const sums = order.sumsOf([0, ROWS]);
    for (let b = order.blocks.length - 1; b >= 0; b--) {
      const { from, lower } = order.blocks[b]!;
      const found = await sums.at(b);
      for (let i = 0; i < lower.rows; i++) {
        for (let k = 0; k <= i; k++)
          expect(lower.data[i * lower.rows + k]).toBeCloseTo(l[(from + i) * n + from + k]!, 4);
        for (let row = 0; row < ROWS; row++)
          expect(found[row * lower.rows + i]).toBeCloseTo(
            sumOf(l, errors.subarray(row * n, (row + 1) * n), from + i, from + lower.rows),
            3,
          );
      }
      await sums.add(b, matrixOf(ROWS, lower.rows, blockErrors(order, b)));
    }
  });

  it("codes make up for the errors of those before, one after the other", async () => {
    const book = Float64Array.of(-1.5, -0.5, 0.5, 1.5);
    const coded: CodedRows = { ...codedOf(n), bookOf: () => book };
    const gradients = gradientsOf(
      PLAIN_ENGINE,
      systemFrom(PLAIN_ENGINE, inputs, { ridge: RIDGE, centred: false })!,
      coded,
    );
    const order = (await orderOf(PLAIN_ENGINE, gradients))!;
    await compensateErrors(coded, order);
    const l = factorOf(h, order.features);
    let same = 0;
    for (let row = 0; row < ROWS; row++) {
      const e = new Float32Array(n);
      for (let i = n - 1; i >= 0; i--) {
        const at = row * n + order.features[i]!;
        const wanted = coded.weights[at]! - sumOf(l, e, i, i + 1) / l[i * (n + 1)]!;
        const distances = [...book].map((entry) => Math.abs(entry - wanted));
        if (distances.indexOf(Math.min(...distances)) === coded.codes[at]) same++;
        e[i] = book[coded.codes[at]!]! - coded.weights[at]!;
        expect(coded.error[at]).toBe(e[i]);
      }
    }
    // A value halfway between two entries may go to either.
    expect(same).toBeGreaterThan(0.99 * ROWS * n);
  });

  it("gradients are H e, after errors are measured and after some change", async () => {
    const coded = codedOf(n);
    const system = systemFrom(PLAIN_ENGINE, inputs, { ridge: RIDGE, centred: false })!;
    const gradients = gradientsOf(PLAIN_ENGINE, system, coded);
    coded.error.set(errors);
    await gradients.measure();
    const columns: Range = [10, 40];
    const steps = normalArray(2 * 30, 10);
    for (let at = 0; at < 60; at++)
      coded.error[(1 + Math.floor(at / 30)) * n + 10 + (at % 30)]! += steps[at]!;
    await gradients.add([1, 3], columns, matrixOf(2, 30, steps));
    const found = await gradients.at([0, ROWS], [0, n]);
    for (let row = 0; row < ROWS; row++)
      for (let i = 0; i < n; i++) {
        let sum = 0;
        for (let k = 0; k < n; k++) sum += h[i * n + k]! * coded.error[row * n + k]!;
        expect(found[row * n + i]).toBeCloseTo(sum, 2);
      }
    const within = await gradients.within(columns);
    for (let i = 0; i < 30; i++)
      for (let k = 0; k < 30; k++) expect(within.data[i * 30 + k]).toBeCloseTo(h[(10 + i) * n + 10 + k]!, 4);
  });
});
