import { expect, it } from "vitest";
import { FUSION_PASSES } from "../../src/passes/graph/fusion-passes.js";
import { CONTEXT, untilStable } from "../passes/graph/running.js";
import { operatorTests } from "./archive.js";
import { outcomeOf, tally, type Outcome } from "./operator-run.js";

it("leaves the outputs of every operator model as they were", async () => {
  const outcomes: Outcome[] = [];
  for (const test of operatorTests()) {
    outcomes.push(await outcomeOf(test, async (model) => (await untilStable(model, FUSION_PASSES.map(({ pass }) => pass()), CONTEXT)) > 1));
  }
  expect(outcomes.filter(({ verdict, official }) => verdict === "different" || official === false)).toEqual([]);
  console.log(tally(outcomes), outcomes.filter((o) => o.verdict !== "unchanged").map((o) => `${o.name}:${o.verdict}`).join(" "));
});
