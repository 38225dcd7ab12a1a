import { expect, it } from "vitest";
import { CLEAN_UP_PASSES, OPTIMIZE_PASSES } from "../../src/passes/graph/clean-up.js";
import { CONTEXT, untilStable } from "../support/running.js";
import { operatorTests } from "../support/operator-archive.js";
import { outcomeOf, tally, type Outcome } from "./operator-run.js";
import { sampled } from "../support/thorough.js";

it("leaves the outputs of every operator model as they were", async () => {
  const passes = [...CLEAN_UP_PASSES, ...OPTIMIZE_PASSES].map(({ pass }) => pass());
  const outcomes: Outcome[] = [];
  const tests = sampled(operatorTests(), 5);
  for (const test of tests)
    outcomes.push(await outcomeOf(test, async (model) => (await untilStable(model, passes, CONTEXT)) > 1));
  expect(outcomes.filter(({ verdict, official }) => verdict === "different" || official === false)).toEqual(
    [],
  );
  // How many run depends on onnxruntime's version and the system's locales.
  // A sample has a few more or fewer than its share.
  expect(tally(outcomes).equal).toBeGreaterThan((300 * tests.length) / operatorTests().length);
});
