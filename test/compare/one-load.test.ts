/** Loading is dear, so a run opens no model again that it has open. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { compress, type CompressResult } from "../../src/compress/compress.js";
import { optimize } from "../../src/compress/optimize.js";
import { measureAgainst, type Measurements } from "../../src/compare/compare-files.js";
import { openRunData } from "../../src/compare/run-data.js";
import { verify } from "../../src/compare/verify.js";
import { readModel, writeModel } from "../../src/onnx/index.js";
import type { CompressOptions } from "../../src/plan/compress-options.js";
import type { Report } from "../../src/report/report.js";
import { network, networkOnDisk, samplesFor } from "../compress/small-network.js";

/** What the runtime's process was asked for, and of which model. */
const { loads, runs } = vi.hoisted(() => ({
  loads: [] as { method: string; model: unknown }[],
  runs: { areSlow: false },
}));

vi.mock("../../src/runtime/service.js", async (original) =>
  (await import("./watched-service.js")).watchedService(original, async (method, [model]) => {
    if (method === "run" && runs.areSlow) await setTimeout(100);
    if (method === "open" || method === "optimizedGraph") loads.push({ method, model });
  }),
);

const { folder, path } = networkOnDisk(3, 16);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => void loads.splice(0));

const report = ({ report: made }: CompressResult): Report => made;
const run = (options: CompressOptions): Promise<Report> => compress(path, options).then(report);
const JOBS: [string, () => Promise<Report>][] = [
  ["compress", () => run({ prune: 0.5 })],
  ["compress on data", () => run({ cluster: 4, eval: samplesFor(16, 4) })],
  ["optimize", () => optimize(path).then(report)],
];

it.each(JOBS)(
  "%s loads the original once, and the result to run it, to show it, and in a process of its own to measure that",
  async (_name, job) => {
    const made = await job();
    expect(made.fidelity).not.toBeNull();
    expect(made.latency!.original.p50Ms).toBeGreaterThan(0);
    const ofResult = loads.filter(({ model }) => model !== path);
    expect(loads.filter(({ model }) => model === path)).toEqual([{ method: "open", model: path }]);
    expect(ofResult.map(({ method }) => method)).toEqual(["open", "optimizedGraph", "open"]);
    expect(made.load!.original.peakBytes).toBeGreaterThan(0);
    expect(new Set(ofResult.map(({ model }) => model)).size).toBe(1);
  },
);

it("verify measures no load of a file that is equal to the original", async () => {
  const made = await verify(path, path);
  expect(made.latency).not.toBeNull();
  expect(loads.map(({ method }) => method)).toEqual(["open", "open", "optimizedGraph"]);
});

describe("the figures of loading", () => {
  const other = join(folder, "other.onnx");
  writeModel(network(2, 16), other);
  const measure = async (bytes: number, options: CompressOptions): Promise<Measurements> => {
    const data = await openRunData(readModel(path), options);
    const originalSizes = () => Promise.resolve({ raw: bytes, gzip: null, brotli: null });
    const context = { options, originalPath: path, referencePath: path, name: "it", logger: {}, data };
    return measureAgainst({ ...context, originalSizes }, other);
  };
  const opened = (): unknown[] => loads.filter(({ method }) => method === "open").map(({ model }) => model);
  const given = { eval: samplesFor(16, 4) };

  it.each<[string, number, CompressOptions, string[]]>([
    ["a small original", 1e9 - 1, given, [path, other, other]],
    ["a large original, after the result", 1e9, given, [other, path, path]],
    // It is released after the trial, and loaded again behind the result.
    ["a large original on random inputs", 1e9, {}, [path, other, path, other]],
    // It is killed with the trial's process, and only the result is loaded in the next one.
    ["an original that takes too long", 1e6, { trialSeconds: 0 }, [path, other]],
  ])("of %s are those of the models that were the first in their process", async (_name, ...rest) => {
    const [bytes, options, order] = rest;
    runs.areSlow = options.trialSeconds === 0;
    const { load } = await measure(bytes, options).finally(() => (runs.areSlow = false));
    expect(opened()).toEqual(order);
    for (const { ms } of [load!.original, load!.compressed]) expect(ms).toBeGreaterThan(0);
    expect(load!.original).not.toEqual(load!.compressed);
  });
});
