import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { compress } from "../../src/compress/compress.js";
import { verify } from "../../src/compare/verify.js";
import { definePass } from "../../src/passes/define-pass.js";
import type { RunTimes } from "../../src/stage-clock.js";
import { networkOnDisk, samplesFor } from "./small-network.js";

const WIDTH = 24;
const { folder, path } = networkOnDisk(3, WIDTH);
afterAll(() => rmSync(folder, { recursive: true }));
const data = samplesFor(WIDTH, 16);

function names({ stages }: RunTimes): string[] {
  return stages.map(({ stage }) => stage);
}

function sum(stages: RunTimes["stages"]): number {
  return stages.reduce((total, { ms }) => total + ms, 0);
}

describe("the times of a report", () => {
  it.each([
    [
      "pruning and clustering",
      { prune: 0.5, cluster: 4 },
      ["calibrate", "prune-magnitude", "cluster-weights"],
    ],
    ["int8 with a search", { int8: true, effort: "best" as const }, ["search", "try passes"]],
  ])("of %s have every stage, and nothing beyond them", async (_name, options, own) => {
    const output = join(folder, "out.onnx");
    const { report } = await compress(path, { ...options, calib: data, output, force: true });
    const checks = ["check", "write", "pack", "compare", "measure latency", "measure loading"];
    const expected = ["read", "plan", ...own, ...checks];
    expect(names(report.times)).toEqual(expect.arrayContaining(expected));
    const passes = report.passes.map(({ name }) => name);
    const known = [...expected, ...passes, "calibrate", "other"];
    expect(names(report.times).filter((stage) => !known.includes(stage))).toEqual([]);
    expect(sum(report.times.stages)).toBeCloseTo(report.times.totalMs, 6);
  });

  it("charge a pass, and a calibration that it asks for on the way to calibration", async () => {
    const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    const slow = definePass<{ readonly none?: string }>({
      name: "slow",
      description: "",
      lossy: true,
      defaults: {},
      run: async (model, _options, { measure }) => {
        await wait(60);
        await measure?.(model, [{ kind: "range", tensor: "x" }], { samples: 2 });
        await wait(60);
        return { modified: false, stats: {}, nodes: [], diagnostics: [] };
      },
    });
    const { report } = await compress(path, { passes: [slow()], calib: data, verify: false });
    const msOf = (name: string): number => report.times.stages.find(({ stage }) => stage === name)?.ms ?? 0;
    // Timers may fire a little early.
    expect(msOf("slow")).toBeGreaterThan(110);
    expect(msOf("calibrate")).toBeGreaterThan(0);
    const pass = report.passes.find(({ name }) => name === "slow")!;
    expect(Math.abs(msOf("slow") + msOf("calibrate") - pass.ms)).toBeLessThan(pass.ms * 0.2);
  });

  it("of a comparison have its stages", async () => {
    const { times } = await verify(path, path, { eval: data });
    expect(names(times)).toEqual(expect.arrayContaining(["read", "pack", "compare", "measure latency"]));
    expect(sum(times.stages)).toBeCloseTo(times.totalMs, 6);
  });
});
