/** Two jobs in one process disturb neither each other's files nor each other's timing. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { compress } from "../../src/compress/compress.js";
import type { CompressOptions } from "../../src/plan/compress-options.js";
import type * as TimingTurns from "../../src/runtime/timing-turns.js";
import { networkOnDisk, samplesFor } from "./small-network.js";

/** Timed sections under way, the most that there were at once, and how many there were in all. */
const sections = vi.hoisted(() => ({ now: 0, most: 0, all: 0 }));

vi.mock("../../src/runtime/timing-turns.js", async (original) => {
  const { inTurn } = await original<typeof TimingTurns>();
  const counted: typeof inTurn = (job) =>
    inTurn(async () => {
      sections.all++;
      sections.most = Math.max(sections.most, ++sections.now);
      try {
        return await job();
      } finally {
        sections.now--;
      }
    });
  return { inTurn: counted };
});

const WIDTH = 48;
let place: { folder: string; path: string };
beforeEach(() => {
  place = networkOnDisk(4, WIDTH);
  Object.assign(sections, { now: 0, most: 0, all: 0 });
});
afterEach(() => rmSync(place.folder, { recursive: true, force: true }));

/** What decides by time is left out, as times differ from run to run. */
const JOBS: Readonly<Record<string, CompressOptions>> = {
  int8: { int8: true, keepInt8: true, prune: 0.3, seed: 1 },
  small: { prune: 0.7, cluster: 16, seed: 2 },
};

async function bytesOf(folder: string, job: string): Promise<Buffer> {
  const output = join(place.folder, folder, `${job}.onnx`);
  const { report } = await compress(place.path, { ...JOBS[job], calib: samplesFor(WIDTH, 16), output });
  expect(report.latency).not.toBeNull();
  return readFileSync(output);
}

/** What runs of this process have in the folder for temporary files. */
const temporary = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`edgec-${process.pid}-`));

it("gives the bytes of each run alone, and times one model at a time", { timeout: 120_000 }, async () => {
  for (const folder of ["alone", "together", "same"]) mkdirSync(join(place.folder, folder));
  const before = temporary();
  const alone = [await bytesOf("alone", "int8"), await bytesOf("alone", "small")];
  expect(alone[0]!.equals(alone[1]!)).toBe(false);
  const timedAlone = sections.all;
  expect(timedAlone).toBeGreaterThan(1);
  const together = await Promise.all([bytesOf("together", "int8"), bytesOf("together", "small")]);
  expect(together.map((bytes, k) => bytes.equals(alone[k]!))).toEqual([true, true]);
  expect(sections).toEqual({ now: 0, most: 1, all: 2 * timedAlone });
  expect(readdirSync(join(place.folder, "together")).sort()).toEqual(["int8.onnx", "small.onnx"]);
  expect(readdirSync(place.folder).sort()).toEqual(["alone", "network.onnx", "same", "together"]);
  expect(temporary()).toEqual(before);
});

it(
  "takes both runs of one job as they come, and one that is aborted costs the other nothing",
  { timeout: 120_000 },
  async () => {
    mkdirSync(join(place.folder, "same"));
    const stop = new AbortController();
    const doomed = compress(place.path, {
      ...JOBS.small,
      calib: samplesFor(WIDTH, 16, () => stop.abort(new Error("enough"))),
      output: join(place.folder, "same", "doomed.onnx"),
      signal: stop.signal,
    });
    const [gone, kept] = await Promise.allSettled([doomed, bytesOf("same", "small")]);
    expect(gone).toMatchObject({ status: "rejected", reason: { message: "enough" } });
    const again = await bytesOf("same", "small");
    expect(kept.status === "fulfilled" && kept.value.equals(again)).toBe(true);
    expect(readdirSync(join(place.folder, "same"))).toEqual(["small.onnx"]);
  },
);
