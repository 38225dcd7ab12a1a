/** A model that lost much is told of first, and no ordinary run is. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compress, reportText, type CompressOptions, type Dataset, type Report } from "../../src/index.js";
import { headWarnings } from "../../src/report/head-warnings.js";
import { openData, modelInputs } from "../../src/pipeline/run-data.js";
import { verify } from "../../src/pipeline/verify.js";
import { readModel } from "../../src/onnx/index.js";
import { edgec, fixture } from "../cli/run-edgec.js";
import { temporaryFolder } from "../cli/temporary-folder.js";

const temporary = temporaryFolder();
const modelPath = (name: string): string => fixture(`models/${name}.onnx`);
const digits = (name: string, part: string): string => fixture(`digits/digits-${["rnn", "vit"].includes(name) ? "gray28" : "rgb32"}-${part}.npz`);

async function changed(name: string, change: (value: number) => number): Promise<Dataset> {
  const data = (await openData("--calib", digits(name, "calib"), modelInputs(readModel(modelPath(name)))))!;
  return {
    ...data,
    async *samples() {
      for await (const { feed } of data.samples()) yield { feed: Object.fromEntries(Object.entries(feed).map(([input, value]) => [input, { ...value, data: (value.data as Float32Array).map(change) }])) };
    },
  };
}

const idsOf = (report: Report): string[] => headWarnings(report).map(({ id }) => id);

describe("an ordinary run is not warned of", () => {
  const calib = (name: string) => ({ calib: digits(name, "calib") });
  const both = (name: string) => ({ ...calib(name), eval: digits(name, "eval") });
  const RUNS: readonly (readonly [string, (name: string) => CompressOptions])[] = [
    ["int8 without data", () => ({ int8: true })], ["int8, evaluated", (name) => ({ int8: true, effort: "fast", ...both(name) })],
    ["4 bits", (name) => ({ int8: true, weightBits: 4, ...calib(name) })],
  ];
  const OTHERS: typeof RUNS = [["no flag", () => ({})], ["int8 storage", () => ({ storage: "int8" })], ["pruned and int8", (name) => ({ int8: true, prune: 0.3, ...both(name) })]];
  it.each(["lenet", "mbv2", "resnet", "rnn", "vit"])("%s", async (name) => {
    for (const [run, options] of name === "lenet" ? [...RUNS, ...OTHERS] : RUNS) expect([run, ...idsOf((await compress(modelPath(name), options(name))).report)]).toEqual([run]);
  }, 300_000);

  it("lenet, pruned and clustered", async () => {
    expect(idsOf((await compress(modelPath("lenet"), { prune: 0.8, cluster: 16, ...both("lenet") })).report)).toEqual([]);
  }, 120_000);
});

describe("calibration data that cannot be meant", () => {
  it("of zeros ruins the model, which is said first, and the exit code stays 0", async () => {
    const zeros = await changed("mbv2", () => 0);
    const { report } = await compress(modelPath("mbv2"), { int8: true, effort: "fast", calib: zeros, eval: digits("mbv2", "eval") });
    expect(report.accuracy?.compressed).toBeLessThan(50);
    expect(idsOf(report)).toEqual(["compare/much-lost", "calibration/constant"]);
    expect(report.warnings[0]).toMatchObject({ id: "compare/much-lost", severity: "warning" });
    expect(reportText(report)).toMatch(/^Much was lost on 1000 samples of .*: output "logits" gives the same answer in \d+\.\d %, below 98\.0 %\. top-1 goes from 98\.20 to/);
    expect(report.verdict.ok).toBe(true);
  }, 120_000);

  it("of zeros is seen on random feeds where the comparison on the same data is blind", async () => {
    const { report } = await compress(modelPath("mbv2"), { int8: true, effort: "fast", calib: await changed("mbv2", () => 0) });
    expect(report.fidelity?.outputs.logits?.top1Agreement).toBe(1);
    expect(idsOf(report)).toEqual(["compare/much-lost", "calibration/constant"]);
    expect(report.warnings[0]?.message).toContain("random feeds");
  }, 120_000);

  it.each([["255 times too large", 255], ["255 times too small", 1 / 255]])("%s is told before and after", async (_, factor) => {
    const { report } = await compress(modelPath("mbv2"), { int8: true, effort: "fast", calib: await changed("mbv2", (value) => factor * value), eval: digits("mbv2", "eval") });
    expect(idsOf(report)).toEqual(["compare/much-lost", "calibration/scale", "calibration/unlike-evaluation"]);
  }, 120_000);

  it("is told before work begins, and once more in the report", async () => {
    const told: string[] = [];
    const zeros = await changed("lenet", () => 0);
    const { report } = await compress(modelPath("lenet"), { int8: true, effort: "fast", calib: zeros, logger: { diagnostic: ({ id }) => void told.push(id) } });
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
  const { code, stdout } = await edgec(["verify", modelPath("lenet"), ruined, "--eval", digits("lenet", "eval")]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^Much was lost on 1000 samples/)]);
}, 120_000);
