/** What a caller gives `compress` for passes arrives in a pass of the caller's own. */
import { expect, it } from "vitest";
import { compress } from "../../src/compress/compress.js";
import type { PassContext, Trainer } from "../../src/passes/contract.js";
import { definePass } from "../../src/passes/define-pass.js";
import { seededFloats } from "../support/running.js";
import { matMulModel } from "../support/mat-mul-model.js";
import { dataset } from "../support/feed-models.js";
import { DataType, toFloat32, floatTensor } from "../../src/ir/index.js";

const samples = (count: number) =>
  dataset(
    Array.from({ length: count }, (_, k) => ({
      x: { dataType: DataType.FLOAT, dims: [1, 2], data: seededFloats(2, k + 1) },
    })),
  );

/** Keeps the context that it gets. */
function observing(
  seen: PassContext[],
  act: (context: PassContext) => Promise<void> = () => Promise.resolve(),
) {
  return definePass<object>({
    name: "observes",
    description: "for a test",
    lossy: true,
    defaults: {},
    run: async (_, __, context) => {
      seen.push(context);
      await act(context);
      return { modified: false, stats: {}, nodes: [], diagnostics: [] };
    },
  });
}

it.each([
  ["in a list of its own", (pass: ReturnType<typeof observing>) => [pass()]],
  ["in the recipe", (pass: ReturnType<typeof observing>) => ["recipe", { after: "remove-dead", pass }]],
])("samples, deadline, trainer, seed and signal arrive in a pass %s", async (_, passes) => {
  const seen: PassContext[] = [];
  const trainer: Trainer = { train: () => Promise.resolve(new Map()) };
  const { signal } = new AbortController();
  const deadline = Date.now() + 3_600_000;
  await compress(matMulModel(), {
    passes: passes(observing(seen)),
    calib: samples(7),
    // Without it, a part of the calibration data is kept to compare on.
    eval: samples(2),
    deadline,
    trainer,
    signal,
    seed: 3,
    verify: false,
  });
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatchObject({ samples: 7, deadline, seed: 3 });
  expect(seen[0]!.trainer).toBe(trainer);
  expect(seen[0]!.signal).toBeInstanceOf(AbortSignal);
});

it("what was not given is absent", async () => {
  const seen: PassContext[] = [];
  await compress(matMulModel(), { passes: [observing(seen)()], verify: false });
  for (const name of ["samples", "deadline", "trainer", "measure"]) expect(seen[0]).not.toHaveProperty(name);
});

it("the trainer gets what a pass asks for, and the matrix engine multiplies", async () => {
  const asked: unknown[] = [];
  const trainer: Trainer = {
    train: ({ trainable, seed }) => {
      asked.push(trainable, seed);
      return Promise.resolve(new Map([["w", floatTensor("w", [2, 2], Float32Array.of(4, 3, 2, 1))]]));
    },
  };
  const values: number[] = [];
  const trains = definePass<object>({
    name: "trains",
    description: "for a test",
    lossy: true,
    defaults: {},
    run: async (model, _, context) => {
      const reference = context.reference!;
      const trained = await context.trainer!.train({
        model,
        reference,
        trainable: ["w"],
        seed: context.seed,
      });
      const matrix = (...data: number[]) => ({ rows: 2, columns: 2, data: Float32Array.from(data) });
      const product = await context.linearAlgebra!.multiply(matrix(1, 2, 3, 4), matrix(5, 6, 7, 8));
      values.push(...product.data);
      model.graph.initializers = [trained.get("w")!];
      return { modified: true, stats: {}, nodes: [], diagnostics: [] };
    },
  });
  const { model } = await compress(matMulModel(), { passes: [trains()], trainer, seed: 5, verify: false });
  expect(asked).toEqual([["w"], 5]);
  expect([...toFloat32(model.graph.initializers[0]!)]).toEqual([4, 3, 2, 1]);
  expect(values).toEqual([19, 22, 43, 50]);
});
