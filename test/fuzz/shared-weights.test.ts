/**
 * Passes that lose nothing, on models whose branches share constants: what onnxruntime computes stays, and nothing
 * grows.
 */
import { describe, expect, it } from "vitest";
import { copyModel, type Model } from "../../src/ir/index.js";
import { decodeModel, encodeModelBytes } from "../../src/onnx/index.js";
import { planPasses, type PlanOptions } from "../../src/pipeline/plan.js";
import { runPasses } from "../../src/pipeline/runner.js";
import { difference, EVALUATOR, run } from "../passes/graph/running.js";
import { sharedWeights } from "./shared-weights.js";

const SEEDS = Number(process.env.EDGEC_FUZZ_CASES ?? 60);
/** Of tanh of sums of some hundred products, each rounded once more. */
const ROUNDING = 2e-5;

const PLANS: Readonly<Record<string, PlanOptions>> = {
  optimize: { flags: {}, passes: "optimize" },
  compress: { flags: {} },
};

async function passed(model: Model, options: PlanOptions): Promise<Model> {
  const changed = copyModel(model);
  const run = await runPasses(changed, planPasses(changed, options), {
    dataset: undefined,
    evaluator: EVALUATOR,
    logger: {},
    seed: 0,
    threads: 1,
    debug: true,
  });
  expect(run.modified || Buffer.compare(encodeModelBytes(changed), encodeModelBytes(model)) === 0).toBe(true);
  return decodeModel(encodeModelBytes(changed));
}

describe.each(Object.entries(PLANS))("%s of shared constants", (_, options) => {
  it("keeps what is computed and grows by no byte", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { model, feed } = sharedWeights(seed);
      const after = await passed(model, options);
      expect(difference(await run(model, feed), await run(after, feed)), `seed ${seed}`).toBeLessThan(ROUNDING);
      expect(encodeModelBytes(after).byteLength, `seed ${seed}`).toBeLessThanOrEqual(
        encodeModelBytes(model).byteLength,
      );
    }
  });
});
