import { afterAll, describe, expect, it } from "vitest";
import { OrtEngine } from "../../src/calibration/matrix-engine.js";
import { loadRuntime } from "../../src/runtime/index.js";
import { factorize, factorizeSingles, solveRows } from "../../src/solver/factorize.js";
import { inverseFactor } from "../../src/solver/inverse-factor.js";
import { type Matrix, type MatrixEngine, matrixOf, PLAIN_ENGINE } from "../../src/solver/index.js";
import { normalArray } from "../support/seeded.js";
import { moments } from "./rows.js";

const ort = new OrtEngine(await loadRuntime(), 1);
afterAll(() => ort.release());

const ENGINES: readonly (readonly [string, MatrixEngine])[] = [
  ["plain", PLAIN_ENGINE],
  ["onnxruntime", ort],
];

function doubles(rows: number, columns: number, seed: number): Matrix<Float64Array> {
  return matrixOf(rows, columns, Float64Array.from(normalArray(rows * columns, seed)));
}

function transposeOf({ rows, columns, data }: Matrix<Float64Array>): Float64Array {
  return Float64Array.from(
    { length: rows * columns },
    (_, at) => data[(at % rows) * columns + Math.floor(at / rows)]!,
  );
}

function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

describe.each(ENGINES)("products of the %s engine", (_, engine) => {
  it("multiply by hand: [1 2; 3 4] [5 6; 7 8]", async () => {
    const a = matrixOf(2, 2, Float64Array.of(1, 2, 3, 4));
    const b = matrixOf(2, 2, Float64Array.of(5, 6, 7, 8));
    expect([...(await engine.multiply(a, b)).data]).toEqual([19, 22, 43, 50]);
    expect([...(await engine.multiply(a, b, true)).data]).toEqual([17, 23, 39, 53]);
    expect([...(await engine.gram(a)).data]).toEqual([10, 14, 14, 20]);
  });

  it("refuses matrices that do not fit", async () => {
    const call = async (): Promise<unknown> => engine.multiply(doubles(60, 61, 1), doubles(60, 60, 2));
    await expect(call()).rejects.toThrow("do not multiply");
  });
});

describe("both engines", () => {
  it.each([true, false])("agree on large products, second factor transposed: %s", async (transposed) => {
    const a = doubles(70, 90, 1);
    const b = transposed ? doubles(50, 90, 2) : doubles(90, 50, 2);
    const [plain, fast] = await Promise.all(ENGINES.map(([, each]) => each.multiply(a, b, transposed)));
    expect(farthest(plain!.data, fast!.data)).toBeLessThan(1e-12);
    const single = (m: Matrix): Matrix<Float32Array> => ({ ...m, data: Float32Array.from(m.data) });
    const [rough] = [await ort.multiply(single(a), single(b), transposed)];
    expect(rough.data).toBeInstanceOf(Float32Array);
    expect(farthest(plain!.data, rough.data)).toBeLessThan(1e-4);
  });
});

describe.each(ENGINES)("blocks with the %s engine", (_, engine) => {
  const n = 70;
  const a = matrixOf(
    n,
    n,
    moments(n, 3).map((value, i) => value + (i % (n + 1) === 0 ? 0.1 : 0)),
  );

  it("factorize so that L Lᵀ is A, with zeros above", async () => {
    const l = (await factorize(engine, a, { block: 16 }))!;
    expect(farthest((await engine.multiply(l, l, true)).data, a.data)).toBeLessThan(1e-12);
    expect(l.data[1]).toBe(0);
    expect(l.data[20 * n + 60]).toBe(0);
  });

  it("factorize the lower triangle in single precision as in double", async () => {
    const lower = new Float32Array(n * n);
    for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) lower[i * n + j] = a.data[i * n + j]!;
    const l = (await factorizeSingles(engine, matrixOf(n, n, lower), 16))!;
    expect(farthest(l.data, (await factorize(engine, a))!.data)).toBeLessThan(1e-5);
    const bad = matrixOf(n, n, Float32Array.from(a.data));
    bad.data[65 * n + 65] = -1;
    expect(await factorizeSingles(engine, bad, 16)).toBeUndefined();
  });

  it("leave A as it was unless told to write over it", async () => {
    const own = matrixOf(n, n, a.data.slice());
    await factorize(engine, own, { block: 16 });
    expect(own.data).toEqual(a.data);
    const l = await factorize(engine, own, { block: 16, overwrite: true });
    expect(l!.data).toBe(own.data);
  });

  it("say when A is not positive definite, in whichever block", async () => {
    const bad = matrixOf(n, n, a.data.slice());
    bad.data[65 * n + 65] = -1;
    expect(await factorize(engine, bad, { block: 16 })).toBeUndefined();
  });

  it("solve X A = B, and find L⁻¹, whose square is A⁻¹", async () => {
    const l = (await factorize(engine, a, { block: 16 }))!;
    const b = doubles(9, n, 5);
    const x = await solveRows(engine, l, b, 16);
    expect(farthest((await engine.multiply(x, a)).data, b.data)).toBeLessThan(1e-10);
    const unit = matrixOf(
      n,
      n,
      Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
    );
    const inverse = await solveRows(engine, l, unit, 16);
    const factor = (await inverseFactor(engine, a, 16))!;
    const square = await engine.multiply(matrixOf(n, n, transposeOf(factor)), factor);
    expect(farthest(square.data, inverse.data)).toBeLessThan(1e-11);
    expect([factor.data[1], factor.data[20 * n + 60]]).toEqual([0, 0]);
    const bad = matrixOf(n, n, a.data.slice());
    bad.data[65 * n + 65] = -1;
    expect(await inverseFactor(engine, bad, 16)).toBeUndefined();
  });
});
