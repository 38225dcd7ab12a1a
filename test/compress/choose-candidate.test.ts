import { describe, expect, it } from "vitest";
import { GENERIC } from "../../src/targets/index.js";
import { choose } from "../support/made-candidates.js";
import type { PlanOptions } from "../../src/plan/plan-request.js";

const INT8: PlanOptions = { flags: { int8: "" } };

describe("chooseCandidate", () => {
  it("keeps int8 arithmetic that is faster, and builds nothing else", async () => {
    expect(await choose(INT8, { speedup: 2 }, {})).toEqual({
      chosen: "planned",
      built: ["planned"],
      warning: undefined,
    });
  });

  it("takes a difference within the noise for none", async () => {
    expect((await choose(INT8, { speedup: 0.975 }, {})).built).toEqual(["planned"]);
  });

  it("decides nothing by a difference that the rounds do not bear out, and says so", async () => {
    const { built, warning } = await choose(INT8, { speedup: 0.9, range: [0.7, 1.2] }, { speedup: 1 });
    expect([built, warning]).toEqual([
      ["planned"],
      expect.stringMatching(
        /^On this machine, timing could not decide whether int8 arithmetic is slower.*from 0\.70× to 1\.20×/,
      ),
    ]);
    // Rounds against medians: 1.25× slower by the one, 1.09× faster by the other.
    expect((await choose(INT8, { speedup: 0.8, p50Ratio: 1.09 }, { speedup: 1 })).built).toEqual(["planned"]);
    // Larger, and so is the other; which one is faster is chance.
    const larger = { bytes: 1200, range: [0.8, 1.3] as const };
    expect((await choose(INT8, { ...larger, speedup: 1 }, { ...larger, speedup: 1.05 })).chosen).toBe(
      "planned",
    );
  });

  it("tells the ratio of the very times that it prints", async () => {
    expect((await choose(INT8, { speedup: 0.8, p50Ratio: 0.5 }, { speedup: 1 })).warning).toContain(
      "int8 arithmetic is 2.00× slower than the original (2.00 ms against 1.00 ms)",
    );
  });

  it("stores int8 and computes in float where int8 arithmetic is slower, with both numbers", async () => {
    const { chosen, warning } = await choose(INT8, { speedup: 0.5 }, { speedup: 1, bytes: 400 });
    expect(chosen).toBe("stored");
    expect(warning).toContain("int8 arithmetic is 2.00× slower than the original (2.00 ms against 1.00 ms)");
    expect(warning).toContain(
      "int8 storage with float arithmetic: 1.00 ms against 1.00 ms, 400 B against 1.00 kB",
    );
  });

  it("does the same where the file grew or a gate failed", async () => {
    expect((await choose(INT8, { speedup: 2, bytes: 1200 }, { speedup: 1 })).chosen).toBe("stored");
    expect((await choose(INT8, { speedup: 2, gateFails: true }, { speedup: 1 })).chosen).toBe("stored");
  });

  it("leaves weights in float where a budget on accuracy does not hold otherwise", async () => {
    const budget = { ...INT8, hasAccuracyGates: true };
    const fails = { speedup: 2, gateFails: true };
    expect(await choose(budget, fails, fails, { speedup: 1.5 })).toEqual({
      chosen: "plain",
      built: ["planned", "stored", "plain"],
      warning:
        "The gates hold only if layers in float keep plain float weights; stored as int8, they " +
        "fail: 20 dB, 30 dB asked.",
    });
    expect((await choose(budget, fails, { speedup: 1 })).built).toEqual(["planned", "stored"]);
    const { chosen, warning } = await choose(budget, fails, fails, { speedup: 1.5, bytes: 1001 });
    expect(chosen).toBe("plain");
    expect(warning).toMatch(/ The model is larger than the original \(1\.00 kB against 1\.00 kB\)\.$/);
    expect((await choose(budget, fails, fails, fails)).chosen).toBe("planned");
    expect((await choose(budget, { speedup: 0.5 }, { speedup: 0.6 })).built).toEqual(["planned", "stored"]);
  });

  it("keeps the faster of two that fall short", async () => {
    expect((await choose(INT8, { speedup: 0.9 }, { speedup: 0.8 })).chosen).toBe("planned");
    expect((await choose(INT8, { speedup: 0.8 }, { speedup: 0.9 })).chosen).toBe("stored");
  });

  it("warns where there is no other way", async () => {
    const { chosen, built, warning } = await choose({ flags: { storage: "auto" } }, { bytes: 1200 }, {});
    expect([chosen, built]).toEqual(["planned", ["planned"]]);
    expect(warning).toBe("The compressed model is larger than the original (1.20 kB against 1.00 kB).");
  });

  it("does not overrule passes that were named", async () => {
    expect((await choose({ ...INT8, passes: "quantize-int8" }, { speedup: 0.5 }, {})).built).toEqual([
      "planned",
    ]);
  });

  it("leaves a failed gate to the verdict where there is no other way", async () => {
    expect((await choose({ flags: {} }, { gateFails: true }, {})).warning).toBeUndefined();
  });
});

it(
  "keeps int8 arithmetic that is slower, larger or beyond a gate where that is asked " +
    "for, and says what it costs",
  async () => {
    const { chosen, built, warning } = await choose(
      { ...INT8, keepInt8: true },
      { speedup: 0.5, gateFails: true },
      { speedup: 1, bytes: 400 },
    );
    expect([chosen, built]).toEqual(["planned", ["planned"]]);
    expect(warning).toBe("The compressed model is 2.00× slower than the original (2.00 ms against 1.00 ms).");
  },
);

it("builds no int8 storage under --storage plain, and says what it would take", async () => {
  const { built, warning } = await choose(
    { flags: { int8: "", storage: "plain" } },
    { speedup: 0.5 },
    { speedup: 1 },
  );
  expect(built).toEqual(["planned"]);
  expect(warning).toBe(
    "The compressed model is 2.00× slower than the original (2.00 ms against 1.00 ms). " +
      'The alternative, int8 storage with float arithmetic, is tried only without storage: "plain".',
  );
});

describe("for another device than this machine", () => {
  const device = { name: "camera", costs: GENERIC.costs };
  const options: PlanOptions = { ...INT8, device };
  const predicted = (chosen: number, floatNodes: readonly string[] = []) => ({
    target: "camera",
    floatNodes,
    int8: 1.25,
    chosen,
  });

  it("does not go by times measured here", async () => {
    expect(await choose(options, { speedup: 0.5, predicted: predicted(0.6) }, {})).toEqual({
      chosen: "planned",
      built: ["planned"],
      warning: undefined,
    });
    expect(await choose({ flags: { storage: "auto" }, device }, { speedup: 0.5 }, {})).toEqual({
      chosen: "planned",
      built: ["planned"],
      warning: undefined,
    });
  });

  it("stores int8 where the whole is predicted to be slower than in float, and says how to overrule it", async () => {
    const { chosen, warning } = await choose(
      options,
      { speedup: 2, predicted: predicted(1.2) },
      { speedup: 1, bytes: 400 },
    );
    expect(chosen).toBe("stored");
    expect(warning).toBe(
      "Fell back to int8 storage with float arithmetic, which is better for camera " +
        "(int8 arithmetic is predicted to be 1.20× slower than float on camera; int8 " +
        "storage with float arithmetic: 400 B against 1.00 kB). " +
        "If your device differs, give its costs in a profile of your own (see " +
        'docs/guide/targets.md), or add "keepInt8".',
    );
  });

  it("says so where all layers were left in float", async () => {
    const { built, warning } = await choose(options, { predicted: predicted(1, ["conv"]) }, {});
    expect(built).toEqual(["planned"]);
    expect(warning).toContain(
      "All layers stay in float, because int8 arithmetic is not predicted to be faster on camera: " +
        "it would take 1.25 of float's time.",
    );
    expect(
      (await choose(options, { predicted: predicted(0.7, ["conv"]), inInt8: ["other"] }, {})).warning,
    ).toBeUndefined();
  });

  it("still goes by size and by the gates that were given", async () => {
    expect(
      (await choose(options, { speedup: 2, gateFails: true, predicted: predicted(0.6) }, { speedup: 0.5 }))
        .chosen,
    ).toBe("stored");
    expect((await choose(options, { bytes: 1200 }, { bytes: 1100 })).chosen).toBe("planned");
  });
});
