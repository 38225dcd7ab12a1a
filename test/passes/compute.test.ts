import { afterAll, describe, expect, it } from "vitest";
import { IN_PLACE, runInParallel, withCompute } from "../../src/passes/compute.js";
import type { Compute, TaskArguments, TaskName } from "../../src/passes/contract.js";
import { RunCompute } from "../../src/run/run-compute.js";
import { uniform } from "../support/seeded.js";

const threads = new RunCompute(2);
afterAll(() => threads.close());

/** Random tasks of every kind; sizes are such that some arrays are handed over and some copied. */
const makers: { readonly [K in TaskName]: (next: () => number) => TaskArguments<K> } = {
  runPlainly: (next) => {
    const matrix = measured(next);
    const count = matrix.weights.length;
    if (next() < 0.5) return ["scoreRows", [matrix]];
    if (next() < 0.5) return ["refitRows", [matrix, aliveOf(count, next), matrix.weights.slice()]];
    const problem = { ...matrix, importance: new Float64Array(matrix.rows).fill(1), integers: false };
    const fixed = next() < 0.5 ? 0 : undefined;
    return ["clusterRows", [{ ...problem, fixed, partners: undefined, k: 4, byRow: next() < 0.5 }]];
  },
  clusterFlat: (next) => [
    Float32Array.from({ length: 6000 }, () => next() - 0.5),
    2 + Math.floor(15 * next()),
    next() < 0.5 ? 0 : undefined,
  ],
  roundGroups: (next) => {
    const { weights, columns, h } = layer(next);
    return [{ weights, size: columns, h, limits: { maxCode: next() < 0.5 ? 7 : 127 } }];
  },
  aliveInPattern: (next) => {
    const { weights, columns } = layer(next);
    return [
      { scores: weights.map(Math.abs), alive: aliveOf(weights.length, next) },
      columns,
      { n: 2, m: 4 },
      1,
    ];
  },
  refitLinear: (next) => {
    const [inputs, outputs] = [5, 3];
    return [
      { weights: floats64(inputs * outputs, next), bias: floats64(outputs, next) },
      { inputs, outputs, matrix: positive(inputs + outputs, next), mean: new Float64Array(inputs + outputs) },
      0.02,
    ];
  },
  quantizeToInt8: (next) => [
    Float32Array.from({ length: 96 * 64 }, () => next() - 0.5),
    [96, 64],
    next() < 0.5 ? [0] : [1],
  ],
};

function layer(next: () => number) {
  const groups = 1 + Math.floor(2 * next());
  const [columns, rows] = [8 + Math.floor(60 * next()), groups * (2 + Math.floor(5 * next()))];
  const weights = Float32Array.from({ length: rows * columns }, () => (next() < 0.2 ? 0 : next() - 0.5));
  return {
    weights,
    rows,
    columns,
    h: Array.from({ length: groups }, () => (next() < 0.8 ? positive(columns, next) : undefined)),
  };
}

function measured(next: () => number) {
  const { weights, rows, columns, h } = layer(next);
  const mean = (): Float64Array => floats64(columns, next);
  const inputs = h.map((matrix) => matrix && { size: columns, matrix, mean: mean(), unit: 0.5 + next() });
  return { weights, rows, columns, inputs, system: { ridge: 0.01, centred: false } };
}

function floats64(count: number, next: () => number): Float64Array {
  return Float64Array.from({ length: count }, () => next() - 0.5);
}

function aliveOf(count: number, next: () => number): Uint8Array {
  return Uint8Array.from({ length: count }, () => (next() < 0.6 ? 1 : 0));
}

/** A positive definite matrix: moments of random rows and a ridge. */
function positive(n: number, next: () => number): Float64Array {
  const matrix = new Float64Array(n * n);
  for (let row = 0; row < n; row++) {
    const x = floats64(n, next);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) matrix[i * n + j]! += (x[i]! * x[j]!) / n;
  }
  for (let i = 0; i < n; i++) matrix[i * n + i]! += 0.01;
  return matrix;
}

describe("tasks", () => {
  it.each(Object.keys(makers) as TaskName[])(
    "%s gives the same to the bit on a thread as in place",
    async (task) => {
      const next = uniform(17);
      for (let trial = 0; trial < 6; trial++) {
        const args = (makers[task] as (next: () => number) => TaskArguments<typeof task>)(next);
        const copy = structuredClone(args);
        const there: unknown = await threads.run(task, ...args);
        const here: unknown = await IN_PLACE.run(task, ...copy);
        expect(there).toEqual(here);
      }
    },
  );

  it("take what is handed over from the caller in place as well, so that tests see what a run would", async () => {
    const values = new Float32Array(8192).fill(0.25);
    await IN_PLACE.run("clusterFlat", values, 4, undefined);
    expect(values).toHaveLength(0);
  });
});

describe("runInParallel", () => {
  const compute = (width: number): Compute => ({ ...IN_PLACE, width });

  it(
    "finishes items in their order, whichever work ends first, and has no more under way " +
      "than there are threads",
    async () => {
      const next = uniform(5);
      for (const width of [1, 2, 3, 7]) {
        const finished: number[] = [];
        let [running, most] = [0, 0];
        await runInParallel(
          { compute: compute(width) },
          [0, 1, 2, 3, 4, 5],
          async (item) => {
            most = Math.max(most, ++running);
            for (let turns = Math.floor(8 * next()); turns > 0; turns--) await Promise.resolve();
            running--;
            return item * 10;
          },
          (item, result) => void finished.push(item + result),
        );
        expect(finished).toEqual([0, 11, 22, 33, 44, 55]);
        expect(most).toBeLessThanOrEqual(width);
      }
    },
  );

  it("tells how far it is before the first and behind each", async () => {
    const told: string[] = [];
    const advance = (done: number, total: number, part?: string): Promise<void> =>
      Promise.resolve(void told.push(`${part} ${done}/${total}`));
    await runInParallel(
      { compute: compute(2), advance },
      ["a", "b"],
      (item) => Promise.resolve(item),
      undefined,
      "fit",
    );
    expect(told).toEqual(["fit 0/2", "fit 1/2", "fit 2/2"]);
  });

  it("throws the first failure in their order, and finishes nothing behind it", async () => {
    const finished: number[] = [];
    const work = (item: number): Promise<number> =>
      item === 1 || item === 2 ? Promise.reject(new Error(`item ${item}`)) : Promise.resolve(item);
    await expect(
      runInParallel({ compute: compute(3) }, [0, 1, 2, 3], work, (item) => void finished.push(item)),
    ).rejects.toThrow("item 1");
    expect(finished).toEqual([0]);
  });
});

it("work is done in place where the context has nowhere else", () => {
  expect(withCompute({ statistics: undefined, evaluator: undefined, seed: 0 }).compute).toBe(IN_PLACE);
});
