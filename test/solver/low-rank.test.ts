import { expect, it } from "vitest";
import { type LowRank, lowRankOf } from "../../src/solver/low-rank.js";
import { moments } from "./rows.js";

const of = (h: Float64Array, n: number, most: number): Promise<LowRank> =>
  lowRankOf(
    {
      size: n,
      diagonal: Float32Array.from({ length: n }, (_, i) => h[i * n + i]!),
      columns: (chosen) =>
        Promise.resolve(new Float32Array(chosen.flatMap((j) => [...h.subarray(j * n, (j + 1) * n)]))),
    },
    most,
  );

it("finds no column worth it in a matrix without directions", async () => {
  const n = 50;
  const unit = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 2 : 0));
  const { rank, diagonal } = await of(unit, n, 20);
  expect([rank, diagonal]).toEqual([0, new Float32Array(n).fill(2)]);
});

it("finds the three directions that there are, and keeps the diagonal", async () => {
  const n = 120;
  const h = moments(n, 5);
  const { rank, diagonal, columns } = await of(h, n, 15);
  expect(rank).toBeGreaterThanOrEqual(3);
  expect(rank).toBeLessThanOrEqual(6);
  for (let i = 0; i < n; i++) {
    let own = diagonal[i]!;
    for (let k = 0; k < rank; k++) own += columns[i * rank + k]! ** 2;
    expect(own / h[i * n + i]!).toBeCloseTo(1, 2);
  }
});
