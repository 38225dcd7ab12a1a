/** A model that lost much is told of first, and no ordinary run is. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compress, type CompressOptions } from "../../src/index.js";
import { verify } from "../../src/compare/verify.js";
import { edgec } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { changed, digits, idsOf, modelPath } from "./ruined-runs.js";

const temporary = temporaryFolder();
describe("an ordinary run is not warned of", () => {
  const calib = (name: string) => ({ calib: digits(name, "calib") });
  const both = (name: string) => ({ ...calib(name), eval: digits(name, "eval") });
  const RUNS: readonly (readonly [string, (name: string) => CompressOptions])[] = [
    ["int8 without data", () => ({ int8: true })],
    ["int8, evaluated", (name) => ({ int8: true, effort: "fast", ...both(name) })],
    ["4 bits", (name) => ({ int8: true, weightBits: 4, ...calib(name) })],
  ];
  const OTHERS: typeof RUNS = [
    ["no flag", () => ({})],
    ["int8 storage", () => ({ storage: "int8" })],
    ["pruned and int8", (name) => ({ int8: true, prune: 0.3, ...both(name) })],
  ];
  it.each(["lenet", "mbv2", "resnet", "rnn", "vit"])(
    "%s",
    async (name) => {
      for (const [run, options] of name === "lenet" ? [...RUNS, ...OTHERS] : RUNS)
        expect([run, ...idsOf((await compress(modelPath(name), options(name))).report)]).toEqual([run]);
    },
    300_000,
  );

  it("lenet, pruned and clustered", async () => {
    expect(
      idsOf((await compress(modelPath("lenet"), { prune: 0.8, cluster: 16, ...both("lenet") })).report),
    ).toEqual([]);
  }, 120_000);
});

describe("calibration data that cannot be meant", () => {
  it("of zeros is seen on random inputs where the comparison on the same data is blind", async () => {
    const { report } = await compress(modelPath("mbv2"), {
      int8: true,
      effort: "fast",
      calib: await changed("mbv2", () => 0),
    });
    expect(report.fidelity?.outputs.logits?.top1Agreement).toBe(1);
    expect(idsOf(report)).toEqual(["compare/much-lost", "calibration/constant"]);
    expect(report.warnings[0]?.message).toContain("random inputs");
  }, 120_000);

  it.each([
    ["255 times too large", 255],
    ["255 times too small", 1 / 255],
  ])(
    "%s is told before and after",
    async (_, factor) => {
      const { report } = await compress(modelPath("mbv2"), {
        int8: true,
        effort: "fast",
        calib: await changed("mbv2", (value) => factor * value),
        eval: digits("mbv2", "eval"),
      });
      expect(idsOf(report)).toEqual([
        "compare/much-lost",
        "calibration/scale",
        "calibration/unlike-evaluation",
      ]);
    },
    120_000,
  );

  it("is told before work begins, and once more in the report", async () => {
    const told: string[] = [];
    const zeros = await changed("lenet", () => 0);
    const { report } = await compress(modelPath("lenet"), {
      int8: true,
      effort: "fast",
      calib: zeros,
      logger: { diagnostic: ({ id }) => void told.push(id) },
    });
    expect(told.indexOf("calibration/constant")).toBeLessThan(told.indexOf("compress/plan"));
    expect(told.indexOf("calibration/constant")).toBeGreaterThanOrEqual(0);
    expect(idsOf(report)).toContain("calibration/constant");
  }, 120_000);
});

it("a comparison of two models says it as well, and exits 0 without a gate", async () => {
  const ruined = join(temporary.path, "ruined.onnx");
  await compress(modelPath("lenet"), { prune: 0.98, output: ruined });
  const report = await verify(modelPath("lenet"), ruined, { eval: digits("lenet", "eval") });
  expect(report.warnings[0]?.id).toBe("compare/much-lost");
  const { code, stdout } = await edgec([
    "verify",
    modelPath("lenet"),
    ruined,
    "--eval",
    digits("lenet", "eval"),
  ]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^The outputs changed a lot on 1000 samples/)]);
}, 120_000);
