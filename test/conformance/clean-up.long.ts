import { expect, it } from "vitest";
import { CLEAN_UP_PASSES } from "../../src/passes/graph/clean-up.js";
import { CONTEXT, untilStable } from "../support/running.js";
import { operatorTests } from "../support/operator-archive.js";
import { outcomeOf, tally, type Outcome } from "./operator-run.js";

/**
 * Models of one operator on inputs, in which there is nothing to clean: 1518 of 1884, 30 of them of IR
 * version 3.
 */
const UNCHANGED = 1518;

it("leaves the outputs of every operator model as they were", async () => {
  const outcomes: Outcome[] = [];
  for (const test of operatorTests()) {
    outcomes.push(
      await outcomeOf(
        test,
        async (model) =>
          (await untilStable(
            model,
            CLEAN_UP_PASSES.map(({ pass }) => pass()),
            CONTEXT,
          )) > 1,
      ),
    );
  }
  expect(outcomes.filter(({ verdict, official }) => verdict === "different" || official === false)).toEqual(
    [],
  );
  const { equal, unchanged } = tally(outcomes);
  expect(unchanged).toBe(UNCHANGED);
  // How many of the others run depends on onnxruntime's version and the system's locales.
  expect(equal).toBeGreaterThan(320);
});
