/** Loading is dear, so a run opens no model again that it has open. */
import { rmSync } from "node:fs";
import { afterAll, beforeEach, expect, it, vi } from "vitest";
import { compress, type CompressResult } from "../../src/compress/compress.js";
import { optimize } from "../../src/compress/optimize.js";
import { verify } from "../../src/compare/verify.js";
import type { CompressOptions } from "../../src/plan/compress-options.js";
import type { Report } from "../../src/report/report.js";
import type { startService } from "../../src/runtime/service.js";
import { networkOnDisk, samplesFor } from "../compress/small-network.js";

/** What the runtime's process was asked for, and of which model. */
const { loads } = vi.hoisted(() => ({ loads: [] as { method: string; model: unknown }[] }));

vi.mock("../../src/runtime/service.js", async (original) => {
  const real = await original<{ startService: typeof startService }>();
  return {
    ...real,
    startService: async (...given: Parameters<typeof startService>) => {
      const client = await real.startService(...given);
      const call = client.call.bind(client) as (...args: unknown[]) => Promise<never>;
      return Object.assign(client, {
        call: (method: string, args: unknown[], ...rest: unknown[]) => {
          if (method === "open" || method === "optimizedGraph") loads.push({ method, model: args[0] });
          return call(method, args, ...rest);
        },
      });
    },
  };
});

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
