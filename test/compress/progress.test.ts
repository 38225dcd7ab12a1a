import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import type { Progress } from "../../src/diagnostics.js";
import { type CalibrationClient, CalibrationProcess } from "../../src/calibration/process.js";
import { definePass } from "../../src/passes/define-pass.js";
import { bench } from "../../src/compare/bench.js";
import { compress } from "../../src/compress/compress.js";
import type { CompressOptions } from "../../src/plan/compress-options.js";
import { inspect } from "../../src/inspect/inspect.js";
import { sensitivity } from "../../src/compare/sensitivity.js";
import { verify } from "../../src/compare/verify.js";
import { RemoteRuntime, RemoteSession } from "../../src/runtime/remote.js";
import { ThreadPool } from "../../src/threads/index.js";
import { networkOnDisk, samplesFor } from "./small-network.js";
import { sampled } from "../support/thorough.js";

const WIDTH = 40;
const { folder, path } = networkOnDisk(3, WIDTH);
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => void vi.restoreAllMocks());

/** What happened, in its order: a step that was told, or work that began. */
type Happened = Progress | { readonly work: string };

/**
 * Notes every event, and between them every sample that is read, every call of a process, and every task of
 * a thread.
 */
function recorder(): {
  happened: Happened[];
  note: (work: string) => void;
  logger: { progress(progress: Progress): void };
  data: ReturnType<typeof samplesFor>;
} {
  const happened: Happened[] = [];
  const note = (work: string) => void happened.push({ work });
  const spy = <T extends object>(on: T, method: keyof T & string) => {
    const original = on[method] as (...args: unknown[]) => unknown;
    vi.spyOn(on, method as never).mockImplementation(function noted(this: unknown, ...args: unknown[]) {
      note(method);
      return original.apply(this, args);
    } as never);
  };
  for (const method of ["open", "timeInterleaved", "optimizedGraph"] as const)
    spy(RemoteRuntime.prototype, method);
  spy(RemoteSession.prototype, "run");
  spy(ThreadPool.prototype, "call");
  const client = Reflect.get<CalibrationProcess, "client">(CalibrationProcess.prototype, "client");
  vi.spyOn(CalibrationProcess.prototype, "client").mockImplementation(async function noted(
    this: CalibrationProcess,
  ) {
    const own = await client.call(this);
    return new Proxy(own, {
      get: (target, key): unknown =>
        key === "call"
          ? (...args: Parameters<CalibrationClient["call"]>) => (note(args[0]), target.call(...args))
          : Reflect.get(target, key),
    });
  });
  return {
    happened,
    note,
    logger: { progress: (progress) => void happened.push(progress) },
    data: samplesFor(WIDTH, 16, () => note("sample")),
  };
}

/** Work that began while the last step told stood at its end, or before any step was told. */
function unannounced(happened: readonly Happened[]): string[] {
  const found: string[] = [];
  let last: Progress | undefined;
  for (const each of happened) {
    if (!("work" in each)) last = each;
    else if (!last || (last.total !== undefined && last.done >= last.total))
      found.push(`${each.work} after ${last ? `${last.step} ${last.done}/${last.total}` : "nothing"}`);
  }
  return found;
}

function steps(happened: readonly Happened[]): string[] {
  return [...new Set(happened.flatMap((each) => ("work" in each ? [] : [each.step])))];
}

describe("progress", () => {
  const RUNS: [string, CompressOptions, string[]][] = [
    [
      "pruning",
      { prune: 0.5 },
      [
        "calibrate",
        "prune-magnitude: losses",
        "prune-magnitude: stage 1 of 4",
        "prune-magnitude: fit",
        "encode-weights: forms",
      ],
    ],
    ["clustering", { cluster: 4 }, ["calibrate", "cluster-weights"]],
    ["four bits", { int8: true, weightBits: 4, effort: "fast" as const }, ["round-weights", "quantize-int8"]],
    [
      "int8 with all that is known",
      { int8: true, effort: "best" as const },
      [
        "try equalize-channels: score on held-out samples",
        "search: find nodes that int8 does not make faster",
        "quantize-int8",
      ],
    ],
    ["int8 storage", { storage: "int8" as const }, ["store-int8"]],
  ];
  it.each(sampled(RUNS, 3))(
    "of %s tells a step before its work, and none stands at its end while other work goes on",
    async (_name, options, expected) => {
      const { happened, logger, data } = recorder();
      await compress(path, { ...options, calib: data, logger, output: join(folder, "out.onnx") });
      expect(unannounced(happened)).toEqual([]);
      expect(steps(happened)).toEqual(
        expect.arrayContaining([
          "read the model",
          ...expected,
          "check the model",
          "write",
          "read it back",
          "measure sizes",
          "load both models",
          "compare outputs",
          "time both models in turns",
          "read the executed graph",
          "finish",
        ]),
      );
    },
  );

  it("tells a pass again once what it asks for is measured, ahead and on the way", async () => {
    const { happened, note, logger, data } = recorder();
    const asks = definePass<{ readonly none?: string }>({
      name: "asks",
      description: "",
      lossy: true,
      defaults: {},
      statistics: () => [{ kind: "range", tensor: "x" }],
      run: async (model, _options, { measure }) => {
        note("after statistics");
        await measure?.(model, [{ kind: "range", tensor: "y" }], { samples: 4 });
        note("after measure");
        return { modified: false, stats: {}, nodes: [], diagnostics: [] };
      },
    });
    await compress(path, { passes: [asks()], calib: data, logger, verify: false });
    expect(unannounced(happened)).toEqual([]);
    expect(happened.filter((each) => "work" in each && each.work.startsWith("after"))).toHaveLength(2);
  });

  it("of the other commands too", async () => {
    const { happened, logger, data } = recorder();
    await sensitivity(path, { calib: data, logger });
    await verify(path, path, { eval: data, logger });
    await inspect(path, { run: true, dims: { n: 1 }, possibilities: true, logger });
    await bench([path], { data, runs: 2, logger });
    expect(unannounced(happened)).toEqual([]);
    expect(steps(happened)).toEqual(
      expect.arrayContaining([
        "measure the accuracy cost of each node",
        "compare outputs",
        "run once on zeros",
        "read weights",
        "try passes",
        "time the models in turns",
      ]),
    );
  });

  it("counts up to its total and never beyond", async () => {
    const { happened, logger, data } = recorder();
    await compress(path, { prune: 0.5, cluster: 4, calib: data, logger, verify: false });
    const counted = happened.flatMap((each) => ("work" in each || each.total === undefined ? [] : [each]));
    expect(counted.filter(({ done, total }) => done > total!)).toEqual([]);
    for (const step of ["calibrate", "prune-magnitude: fit", "cluster-weights"]) {
      const own = counted.filter((each) => each.step === step);
      expect(own.at(-1)).toMatchObject({ done: own[0]!.total });
    }
  });
});
