import { describe, expect, it } from "vitest";
import type { Model } from "../../src/ir/index.js";
import { CLEAN_UP_PASSES } from "../../src/passes/graph/clean-up.js";
import { foldBatchNormalization } from "../../src/passes/graph/fold-batch-normalization.js";
import { FUSION_PASSES } from "../../src/passes/graph/fusion-passes.js";
import { CONTEXT, untilStable } from "../support/running.js";
import { operatorTests } from "../support/operator-archive.js";
import { surrounded, type Surroundings } from "./fused-operator.js";
import { outcomeOf, tally, type Outcome } from "./operator-run.js";
import { thoroughly } from "../support/thorough.js";

/** How many of the official models fuse with what is put around them. */
const FUSED: readonly [Surroundings, number][] = [
  ["a scale and a shift behind", 28],
  ["a scale and a shift before", 26],
  ["a scale before", 26],
  ["a border before", 11],
  ["a layer behind", 8],
];

const SWISHES = ["silu", "silu_with_past_state", "silu_fp16", "swish_alias"].map(
  (form) => `test_causal_conv_with_state_${form}_expanded`,
);

const fuse = async (model: Model): Promise<boolean> =>
  (await untilStable(
    model,
    [foldBatchNormalization(), ...FUSION_PASSES.map(({ pass }) => pass())],
    CONTEXT,
  )) > 1;
const wrong = (outcomes: readonly Outcome[]): Outcome[] =>
  outcomes.filter(({ verdict, official }) => verdict === "different" || official === false);

describe("the official operator models", () => {
  thoroughly("hold nothing to fuse but Swish, expanded forms included", async () => {
    const outcomes: Outcome[] = [];
    for (const test of operatorTests()) {
      outcomes.push(
        await outcomeOf(test, async (model) => {
          // The expanded forms hold their constants in nodes, which the clean-up lifts.
          await untilStable(
            model,
            CLEAN_UP_PASSES.map(({ pass }) => pass()),
            CONTEXT,
          );
          return fuse(model);
        }),
      );
    }
    const changed = outcomes.filter(({ verdict }) => verdict !== "unchanged");
    expect(wrong(changed)).toEqual([]);
    expect(changed.map(({ name, verdict }) => [name, verdict])).toEqual(
      SWISHES.map((name) => [name, "equal"]),
    );
  });

  it.each(FUSED)("of layers and poolings give the same outputs with %s", async (by, count) => {
    const outcomes: Outcome[] = [];
    for (const test of operatorTests()) {
      const changed = surrounded(test, by);
      if (changed) outcomes.push(await outcomeOf(changed, fuse));
    }
    expect(wrong(outcomes)).toEqual([]);
    expect(tally(outcomes).equal).toBe(count);
  });
});
