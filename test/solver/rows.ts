/** Random layers with measured inputs, and reference solutions of them by elimination, in double precision. */
import { type MeasuredInputs, type MeasuredRows, measuredInputs } from "../../src/solver/index.js";
import { normalArray, uniform } from "../support/seeded.js";

/** H of E[x xᵀ] over inputs that vary mostly along a few directions, as those of real layers do. */
export function moments(n: number, seed: number): Float64Array {
  const samples = 2 * n;
  const common = normalArray(samples * 3, seed);
  const loadings = normalArray(n * 3, seed + 1);
  const noise = normalArray(samples * n, seed + 2, 0.4);
  const matrix = new Float64Array(n * n);
  const x = new Float64Array(n);
  for (let s = 0; s < samples; s++) {
    for (let i = 0; i < n; i++) {
      let value = noise[s * n + i]!;
      for (let k = 0; k < 3; k++) value += common[s * 3 + k]! * loadings[i * 3 + k]!;
      x[i] = value;
    }
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) matrix[i * n + j]! += (x[i]! * x[j]!) / samples;
  }
  return matrix;
}

export function layerOf(
  rows: number,
  columns: number,
  seed: number,
  { groups = 1, ridge = 0.01, scale = 1 } = {},
): MeasuredRows {
  return {
    weights: normalArray(rows * columns, seed, scale),
    rows,
    columns,
    inputs: Array.from({ length: groups }, (_, g) =>
      measuredInputs(columns, moments(columns, seed + 10 * g + 1), new Float64Array(columns)),
    ),
    system: { ridge, centred: false },
  };
}

export function aliveOf(count: number, share: number, seed: number): Uint8Array {
  const next = uniform(seed);
  return Uint8Array.from({ length: count }, () => (next() < share ? 1 : 0));
}

/** H of a row of the layer, with its ridge, in the units of the weights. */
export function systemAt({ inputs, columns, rows, system }: MeasuredRows, row: number): Float64Array {
  const own = inputs[Math.floor(row / (rows / inputs.length))] as MeasuredInputs;
  const h = Float64Array.from(own.matrix, (value) => value * own.unit ** 2);
  let trace = 0;
  for (let i = 0; i < columns; i++) trace += h[i * columns + i]!;
  for (let i = 0; i < columns; i++) h[i * columns + i]! += (system.ridge * trace) / columns;
  return h;
}

/** x of A x = b by Gaussian elimination with pivots. */
export function eliminate(a: readonly number[][], b: readonly number[]): number[] {
  const n = b.length;
  const m = a.map((row, i) => [...row, b[i]!]);
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let k = i; k < n; k++) if (Math.abs(m[k]![i]!) > Math.abs(m[pivot]![i]!)) pivot = k;
    [m[i], m[pivot]] = [m[pivot]!, m[i]!];
    for (let k = i + 1; k < n; k++) {
      const factor = m[k]![i]! / m[i]![i]!;
      for (let j = i; j <= n; j++) m[k]![j]! -= factor * m[i]![j]!;
    }
  }
  const x = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let sum = m[i]![n]!;
    for (let j = i + 1; j < n; j++) sum -= m[i]![j]! * x[j]!;
    x[i] = sum / m[i]![i]!;
  }
  return x;
}

/** The best weights on the support of a row, from the normal equations. */
export function bestRow(layer: MeasuredRows, alive: Uint8Array, row: number): Float64Array {
  const { columns: n, weights } = layer;
  const h = systemAt(layer, row);
  const support = [...Array(n).keys()].filter((j) => alive[row * n + j] === 1);
  const target = support.map((i) => {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += h[i * n + j]! * weights[row * n + j]!;
    return sum;
  });
  const solved = eliminate(
    support.map((i) => support.map((j) => h[i * n + j]!)),
    target,
  );
  const best = new Float64Array(n);
  support.forEach((j, k) => void (best[j] = solved[k]!));
  return best;
}

/** (ŵ - w)ᵀ H (ŵ - w) over all rows. */
export function lossOf(layer: MeasuredRows, fitted: ArrayLike<number>): number {
  const { rows, columns: n, weights } = layer;
  let loss = 0;
  for (let row = 0; row < rows; row++) {
    const h = systemAt(layer, row);
    const e = Float64Array.from({ length: n }, (_, j) => fitted[row * n + j]! - weights[row * n + j]!);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) loss += e[i]! * h[i * n + j]! * e[j]!;
  }
  return loss;
}
