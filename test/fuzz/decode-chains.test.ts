/**
 * Chains that decode weights are storage: no exact command unpacks them; lossy ones put back what they
 * leave alone.
 */
import { describe, expect, it } from "vitest";
import { copyModel, DataType, type Feed, type Model } from "../../src/ir/index.js";
import { decodeModel, encodeModelBytes } from "../../src/onnx/index.js";
import { planPasses } from "../../src/plan/plan.js";
import { runPasses } from "../../src/run/run-plan.js";
import { difference, EVALUATOR, floats, run } from "../support/running.js";
import { sampled } from "../support/thorough.js";
import { decodeModelOf, ROWS } from "./decode-chains.js";
import type { PlanOptions } from "../../src/plan/plan-request.js";

const SEEDS = sampled(
  Array.from({ length: 24 }, (_, k) => k + 1),
  2,
);
const feed = (flag: number): Feed => ({
  x: floats([2, ROWS]),
  c: { dataType: DataType.BOOL, dims: [], data: Uint8Array.of(flag) },
});

async function after(model: Model, options: PlanOptions): Promise<Model> {
  const changed = copyModel(model);
  await runPasses(changed, planPasses(changed, options), {
    evaluator: EVALUATOR,
    logger: {},
    seed: 0,
    threads: 1,
    debug: true,
  });
  return decodeModel(encodeModelBytes(changed));
}

const size = (model: Model): number => encodeModelBytes(model).byteLength;

/** The largest difference of outputs over both values of the flag, relative to the largest output. */
async function loss(a: Model, b: Model): Promise<number> {
  let worst = 0;
  for (const flag of [0, 1]) {
    const expected = await run(a, feed(flag));
    const largest = Math.max(...(expected.y!.data as Float32Array).map(Math.abs));
    worst = Math.max(worst, difference(expected, await run(b, feed(flag))) / largest);
  }
  return worst;
}

describe("random decoding chains", () => {
  it.each([
    ["compress", { flags: {} }],
    ["optimize", { flags: {}, passes: "optimize" }],
  ] as [string, PlanOptions][])(
    "%s neither unpacks them nor changes what they compute, and a second run changes nothing",
    async (_, options) => {
      for (const seed of SEEDS) {
        const model = decodeModelOf(seed);
        const once = await after(model, options);
        expect(size(once), `seed ${seed}`).toBeLessThanOrEqual(size(model));
        expect(await loss(model, once), `seed ${seed}`).toBeLessThan(1e-5);
        const twice = await after(once, options);
        expect(size(twice), `seed ${seed}`).toBeLessThanOrEqual(size(once));
        expect(
          Buffer.compare(encodeModelBytes(await after(twice, options)), encodeModelBytes(twice)),
          `seed ${seed}`,
        ).toBe(0);
      }
    },
  );

  it("come back as they were, or smaller, after they were unpacked for passes that left them alone", async () => {
    let unpacked = 0;
    for (const seed of SEEDS) {
      const model = decodeModelOf(seed);
      const dense = await after(model, { flags: {}, passes: "lift-constants,unpack-weights" });
      const back = await after(model, {
        flags: {},
        passes: "lift-constants,unpack-weights,remove-dead,deduplicate-initializers,encode-weights",
      });
      if (size(dense) > size(model)) unpacked++;
      expect(await loss(model, dense), `seed ${seed}`).toBe(0);
      expect(await loss(model, back), `seed ${seed}`).toBe(0);
      // A chain that two values share is written for each, without its constants.
      expect(size(back), `seed ${seed}`).toBeLessThanOrEqual(size(model) + 300);
    }
    // Dense weights of 7,680 bytes in place of codes: else nothing would be put to the test.
    expect(unpacked).toBeGreaterThan(SEEDS.length / 2);
  });

  it("are stored as int8 where that is smaller, at no more than its rounding", async () => {
    for (const seed of SEEDS.slice(0, 15)) {
      const model = decodeModelOf(seed);
      const stored = await after(model, { flags: {}, storeOnly: true });
      expect(size(stored), `seed ${seed}`).toBeLessThanOrEqual(size(model) + 300);
      expect(await loss(model, stored), `seed ${seed}`).toBeLessThan(0.05);
    }
  });
});
