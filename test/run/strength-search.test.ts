import { beforeEach, describe, expect, it } from "vitest";
import { strongestWithin } from "../../src/run/strength-search.js";
import { compress, type CompressOptions } from "../../src/index.js";
import { writeFewSamples } from "../support/few-samples.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { thoroughly } from "../support/thorough.js";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

const TWENTIETHS = Array.from({ length: 19 }, (_, k) => (k + 1) / 20);

describe("the strongest that holds", () => {
  it("is found wherever the border lies, in as many trials as bisection takes", async () => {
    for (let border = 0; border <= TWENTIETHS.length; border++) {
      const limit = border === 0 ? 0 : TWENTIETHS[border - 1]!;
      const { value, tried } = await strongestWithin("amount", TWENTIETHS, (each) =>
        Promise.resolve(each <= limit),
      );
      expect(value).toBe(border === 0 ? null : limit);
      expect(tried.length).toBeLessThanOrEqual(5);
      expect(tried.every((trial) => trial.held === trial.value <= limit)).toBe(true);
    }
  });
});

describe("--prune auto", () => {
  const temporary = temporaryFolder();
  const MODEL = "fixtures/models/lenet.onnx";
  let DATA: CompressOptions;
  beforeEach(() => {
    const path = join(temporary.path, "few.npz");
    writeFewSamples(path);
    DATA = { eval: path, seed: 1 };
  });
  const amountOf = (report: {
    passes: readonly { name: string; options: Readonly<Record<string, unknown>> }[];
  }) => report.passes.find(({ name }) => name === "prune-magnitude")?.options.amount;

  it("prunes as much as a gate allows, and the next amount fails it", async () => {
    const gate = { minSqnr: 20 };
    const { report } = await compress(MODEL, { ...DATA, ...gate, prune: "auto" });
    expect(report.verdict.ok).toBe(true);
    const amount = amountOf(report) as number;
    expect(amount).toBeGreaterThan(0);
    const more = await compress(MODEL, { ...DATA, ...gate, prune: amount + 0.05 });
    expect(more.report.verdict.ok).toBe(false);
    expect(report.decisions?.strengths).toEqual({ "prune-magnitude": amount });
  });

  it("leaves the pass out where not even the least holds, and says so", async () => {
    const { report } = await compress(MODEL, { ...DATA, minSqnr: 200, prune: "auto" });
    expect(amountOf(report)).toBeUndefined();
    expect(report.warnings.map(({ id }) => id)).toContain("compress/nothing-within-gates");
  });

  thoroughly("is repeated by --replay without a search", async () => {
    const options: CompressOptions = {
      ...DATA,
      calib: DATA.eval!,
      int8: true,
      effort: "fast",
      target: "arm64-dotprod",
      minSqnr: 12,
    };
    const first = await compress(MODEL, { ...options, prune: "auto" });
    const replay = join(temporary.path, "report.json");
    await writeFile(replay, JSON.stringify(first.report));
    const second = await compress(MODEL, { ...options, prune: "auto", replay });
    expect(amountOf(second.report)).toBe(amountOf(first.report));
    expect(Buffer.from(second.bytes()).equals(first.bytes())).toBe(true);
  });

  it("needs a gate, and the recipe", async () => {
    await expect(compress(MODEL, { ...DATA, prune: "auto" })).rejects.toThrow(
      /no such gate is set. Give "maxDrop"/,
    );
    const named = compress(MODEL, {
      ...DATA,
      minSqnr: 20,
      passes: "clean-up,prune-magnitude",
      prune: "auto",
    });
    await expect(named).rejects.toThrow(/works only with the recipe/);
  });
});
