import { expect, it } from "vitest";
import { NEWEST_OPSET, upgradeOpset } from "../../src/ops/upgrade/upgrade-opset.js";
import { operatorTests } from "../support/operator-archive.js";
import { outcomeOf, tally, type Outcome } from "./operator-run.js";
import { sampled } from "../support/thorough.js";

it.each(sampled([NEWEST_OPSET, 21], 2))(
  "converts every older operator model to %i with the same outputs, or names what stands in the way",
  async (target) => {
    const outcomes: Outcome[] = [];
    const refused: string[] = [];
    for (const test of operatorTests()) {
      outcomes.push(
        await outcomeOf(test, (model) => {
          const { upgraded, blockers } = upgradeOpset(model, target);
          if (blockers.length > 0) refused.push(test.name);
          return upgraded;
        }),
      );
    }
    expect(outcomes.filter(({ verdict, official }) => verdict === "different" || official === false)).toEqual(
      [],
    );
    // It ran over a batch axis at version 8.
    expect(refused.sort()).toEqual(["test_scan_sum"]);
    // How many of the others run depends on onnxruntime's version and the system's locales.
    expect(tally(outcomes).equal).toBeGreaterThan(820);
  },
);
