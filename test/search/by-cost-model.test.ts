import { NO_SCORES } from "../../src/fidelity/index.js";
import { describe, expect, it } from "vitest";
import { copyModel, type Model } from "../../src/ir/index.js";
import { quantizeInt8 } from "../../src/passes/quantize/quantize-int8.js";
import type { SearchSpace } from "../../src/search/by-accuracy.js";
import { CALL } from "../../src/search/float-cost.js";
import { predictedShare, predictPayingNodes } from "../../src/search/by-cost-model.js";
import { sampleTypes } from "../../src/search/sample-types.js";
import { GENERIC } from "../../src/targets/index.js";
import { ranges } from "../support/int8-models.js";
import { CHANNELS, twoParts } from "../support/two-parts.js";

function spaceOf(float: Model): SearchSpace {
  const build = async (exclude: readonly string[]): Promise<Model> => {
    const copy = copyModel(float);
    await quantizeInt8({ exclude }).run(copy, {
      statistics: ranges(float, -1, 1),
      evaluator: undefined,
      seed: 0,
    });
    return copy;
  };
  return {
    nodes: ["dense1", "dense2", "slow1", "slow2"].map((name) => ({
      name,
      opType: "Conv",
      share: 0.25,
      intensity: 1,
    })),
    build,
    score: () => Promise.resolve(NO_SCORES),
  };
}

const SIZE = 16;
const VALUES = CHANNELS * SIZE * SIZE;
const device = (costs: Partial<typeof GENERIC.costs>) => ({
  name: "camera",
  costs: { ...GENERIC.costs, gather: 0, quantize: 10, dequantize: 10, ...costs },
});
const predict = async (costs: Partial<typeof GENERIC.costs>) => {
  const float = twoParts(SIZE);
  return predictPayingNodes(float, await sampleTypes(float, undefined), spaceOf(float), device(costs));
};

/** By hand: in float, and what each part takes in int8 with the conversions around it. */
const DENSE = 2 * (CALL + VALUES * (9 * CHANNELS + 24));
const SLOW = 2 * (CALL + VALUES * (9 + 24));
const SINES = 2 * (CALL + 8 * VALUES);
const inInt8 = (part: number, ratio: number): number =>
  2 * CALL + ratio * (part - 2 * CALL) + 2 * (CALL + 10 * VALUES);

describe("by a device's costs", () => {
  it("the part that int8 does not pay for stays in float, with its share of float's time", async () => {
    const { floatNodes, int8, chosen, reasons, target } = await predict({ conv: 0.5, depthwiseConv: 1.5 });
    expect([target, floatNodes]).toEqual(["camera", ["slow1", "slow2"]]);
    const float = DENSE + SLOW + SINES;
    expect(int8).toBeCloseTo((inInt8(DENSE, 0.5) + inInt8(SLOW, 1.5) + SINES) / float, 10);
    expect(chosen).toBeCloseTo((inInt8(DENSE, 0.5) + SLOW + SINES) / float, 10);
    const share = (inInt8(SLOW, 1.5) / SLOW).toFixed(2);
    expect(reasons.get("slow1")).toBe(`int8 does not pay off on camera: predicted ${share} of float's time`);
  });

  it("all is computed in int8 where all of it pays", async () => {
    expect(await predict({ conv: 0.5, depthwiseConv: 0.2 })).toMatchObject({
      floatNodes: [],
      reasons: new Map(),
    });
  });

  it("a gain within what the table does not know counts for none", async () => {
    const { floatNodes, int8, chosen } = await predict({ conv: 0.5, depthwiseConv: 0.75 });
    const gain = (inInt8(SLOW, 0.75) - SLOW) / (inInt8(DENSE, 0.5) + inInt8(SLOW, 0.75) + SINES);
    expect(gain).toBeGreaterThan(0);
    expect(gain).toBeLessThan(0.03);
    expect([floatNodes, chosen]).toEqual([[], int8]);
  });

  it("nothing is, where nothing pays", async () => {
    const { floatNodes, chosen, reasons } = await predict({ conv: 1, depthwiseConv: 1.5 });
    expect([new Set(floatNodes), chosen]).toEqual([new Set(["dense1", "dense2", "slow1", "slow2"]), 1]);
    expect(reasons.get("dense1")).toBe(
      "int8 does not pay off on camera: predicted 1.00 of float's time at best",
    );
  });
});

it("tells what is left of int8's gain when more nodes stay in float", async () => {
  const float = twoParts(SIZE);
  const share = await predictedShare(
    float,
    await sampleTypes(float, undefined),
    spaceOf(float),
    device({ conv: 0.5 }),
    ["dense2", "slow1", "slow2"],
  );
  const half = DENSE / 2;
  expect(share).toBeCloseTo(
    (CALL + 0.5 * (half - CALL) + 2 * (CALL + 10 * VALUES) + half + SLOW + SINES) / (DENSE + SLOW + SINES),
    10,
  );
});
