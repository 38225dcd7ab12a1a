import { getEventListeners } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Dataset } from "../../src/data/index.js";
import type { Logger } from "../../src/diagnostics.js";
import { bench } from "../../src/compare/bench.js";
import { compress } from "../../src/compress/compress.js";
import { inspect } from "../../src/inspect/inspect.js";
import { optimize } from "../../src/compress/optimize.js";
import { sensitivity } from "../../src/compare/sensitivity.js";
import { verify } from "../../src/compare/verify.js";
import { uniform } from "../support/seeded.js";
import { isThorough, sampled } from "../support/thorough.js";
import { networkOnDisk, samplesFor } from "./small-network.js";

const WIDTH = 48;
const { folder, path } = networkOnDisk(3, WIDTH);
const wide = networkOnDisk(2, 512);
const output = join(folder, "output.onnx");
const temporary = join(folder, "temporary");
const data = samplesFor(WIDTH, 16);
/** An empty file may be replaced. */
const AS_IT_WAS = "";

beforeEach(() => {
  mkdirSync(temporary, { recursive: true });
  vi.stubEnv("TMPDIR", temporary);
  // It leaves logs in the temporary folder.
  vi.stubEnv("ORT_DISABLE_TELEMETRY", "1");
  writeFileSync(output, AS_IT_WAS);
});
afterAll(() => {
  vi.unstubAllEnvs();
  for (const each of [folder, wide.folder]) rmSync(each, { recursive: true });
});

type Run = (options: { logger: Logger; signal: AbortSignal }) => Promise<unknown>;

const runs: Readonly<Record<string, Run>> = {
  "compress, pruning and clustering": (options) =>
    compress(path, { prune: 0.5, cluster: 4, calib: data, output, ...options }),
  "compress to int8 with all that is known": (options) =>
    compress(path, { int8: true, effort: "best", calib: data, output, ...options }),
  "compress to four bits": (options) =>
    compress(path, { int8: true, weightBits: 4, effort: "fast", calib: data, output, ...options }),
  "compress in memory": (options) => compress(path, { storage: "int8", ...options }),
  optimize: (options) => optimize(path, { output, ...options }),
  verify: (options) => verify(path, path, { eval: data, across: true, ...options }),
  sensitivity: (options) => sensitivity(path, { calib: data, ...options }),
  inspect: (options) => inspect(path, { run: true, dims: { n: 1 }, possibilities: true, ...options }),
  bench: (options) => bench([path, path], { data, runs: 1_000_000, ...options }),
};

/** Child processes of this one; none where the system does not tell. */
function children(): string[] {
  const file = `/proc/self/task/${process.pid}/children`;
  return existsSync(file) ? readFileSync(file, "utf8").split(" ").filter(Boolean) : [];
}

/** What a run that ended may not leave behind. */
function leftBehind(controller: AbortController): Record<string, unknown> {
  return {
    processes: children().length,
    threads: process.getActiveResourcesInfo().filter((name) => name === "Worker").length,
    listeners: getEventListeners(controller.signal, "abort").length,
    temporary: readdirSync(temporary),
    files: readdirSync(folder).sort(),
    output: readFileSync(output, "utf8"),
  };
}
const NOTHING = {
  processes: 0,
  threads: 0,
  listeners: 0,
  temporary: [],
  files: ["network.onnx", "output.onnx", "temporary"],
  output: AS_IT_WAS,
};

/** Aborts at the `nth` event of progress; 0 is before the start. */
async function abortedAt(
  run: Run,
  nth: number,
): Promise<{ controller: AbortController; reason: unknown; events: number; outcome: unknown }> {
  const controller = new AbortController();
  const reason = new Error(`stopped at event ${nth}`);
  let events = 0;
  if (nth === 0) controller.abort(reason);
  const progress = (): void => {
    if (++events === nth) controller.abort(reason);
  };
  const outcome = await run({ logger: { progress }, signal: controller.signal }).then(
    () => "done",
    (error: unknown) => error,
  );
  return { controller, reason, events, outcome };
}

/** Its first event is all that a run has which never ends. */
async function eventsOf(name: string, run: Run): Promise<number> {
  return name === "bench" ? 1 : (await abortedAt(run, Infinity)).events;
}

describe.each(sampled(Object.entries(runs), 2))("%s", (name, run) => {
  it("rejects with the signal's reason wherever it is aborted, and leaves nothing behind", async () => {
    const next = uniform(name.length);
    const events = await eventsOf(name, run);
    writeFileSync(output, AS_IT_WAS);
    // A full run comes before each of these.
    for (const nth of [
      0,
      ...Array.from({ length: isThorough ? 3 : 1 }, () => 1 + Math.floor(next() * events)),
    ]) {
      const { controller, reason, outcome } = await abortedAt(run, nth);
      // Measured times decide how long a search is.
      if (outcome === "done" && name.includes("all that is known")) {
        writeFileSync(output, AS_IT_WAS);
        continue;
      }
      expect(outcome).toBe(reason);
      expect(leftBehind(controller), `aborted at event ${nth} of ${events}`).toEqual(NOTHING);
    }
  });
});

describe("an abort", () => {
  it("is heard while a thread computes", async () => {
    const controller = new AbortController();
    const progress = ({ step }: { step: string }): void => {
      if (step === "prune-magnitude: losses") setTimeout(() => controller.abort("any value"), 50);
    };
    await expect(
      compress(wide.path, {
        prune: 0.5,
        calib: samplesFor(512, 8),
        verify: false,
        logger: { progress },
        signal: controller.signal,
      }),
    ).rejects.toBe("any value");
    expect(leftBehind(controller)).toEqual(NOTHING);
  });

  it("is heard while the runtime works", async () => {
    const controller = new AbortController();
    const progress = ({ step }: { step: string }): void => {
      if (step === "time the models in turns") setTimeout(() => controller.abort(), 700);
    };
    await expect(
      bench([path, path], { data, runs: 3_000_000, logger: { progress }, signal: controller.signal }),
    ).rejects.toMatchObject({ name: "AbortError" });
    expect(leftBehind(controller)).toEqual(NOTHING);
  });

  it("is heard while a user's data gives no sample", async () => {
    const controller = new AbortController();
    const endless: Dataset = {
      name: "endless",
      size: 8,
      hasLabels: false,
      async *samples() {
        setTimeout(() => controller.abort(), 10);
        yield await new Promise<never>(() => undefined);
      },
    };
    await expect(
      compress(path, { int8: true, calib: endless, output, signal: controller.signal }),
    ).rejects.toMatchObject({ name: "AbortError" });
    expect(leftBehind(controller)).toEqual(NOTHING);
  });

  it("after the end changes nothing", async () => {
    const controller = new AbortController();
    const { report } = await compress(path, { storage: "int8", verify: false, signal: controller.signal });
    controller.abort();
    expect(report.verdict.ok).toBe(true);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });
});
