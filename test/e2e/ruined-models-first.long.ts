/** A model that lost much is told of first. Other runs are in ruined-models.long.ts. */
import { expect, it } from "vitest";
import { compress, reportText } from "../../src/index.js";
import { changed, digits, idsOf, modelPath } from "./ruined-runs.js";
import { thoroughly } from "../support/thorough.js";

thoroughly("warns of no ordinary run", async () => {
  const options = {
    int8: true,
    effort: "fast",
    calib: digits("lenet", "calib"),
    eval: digits("lenet", "eval"),
  } as const;
  expect(idsOf((await compress(modelPath("lenet"), options)).report)).toEqual([]);
});

it("says first that calibration data of zeros ruins the model, gate or not", async () => {
  const zeros = await changed("mbv2", () => 0);
  const { report } = await compress(modelPath("mbv2"), {
    int8: true,
    effort: "fast",
    calib: zeros,
    eval: digits("mbv2", "eval"),
  });
  expect(report.accuracy?.compressed).toBeLessThan(50);
  expect(idsOf(report)).toEqual(["compare/much-lost", "calibration/constant"]);
  expect(report.warnings[0]).toMatchObject({ id: "compare/much-lost", severity: "warning" });
  expect(reportText(report)).toMatch(
    /^The outputs changed a lot on 1000 samples of .*: output "logits" gives the same answer in \d+\.\d %, below 98\.0 %\. top-1 goes from 98\.20 to/,
  );
  expect(report.verdict.ok).toBe(true);
}, 120_000);
