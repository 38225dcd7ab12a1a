/** How many rounds are timed, by a clock that only the timed runs move. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { timeSessions, type TimingOptions } from "../../src/runtime/interleaved.js";
import type { LocalSession } from "../../src/runtime/runtime.js";
import { mulberry32 } from "../../src/numeric/mulberry32.js";

let now = 0;
beforeEach(() => {
  now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
});
afterEach(() => vi.restoreAllMocks());

/** A session whose runs take what `next` says, in milliseconds. */
function session(next: () => number): LocalSession & { runs: number } {
  const made = {
    inputNames: [],
    outputNames: [],
    runs: 0,
    run: () => Promise.resolve({}),
    usedLevel: () => Promise.resolve({ level: "all" as const }),
    release: () => Promise.resolve(),
    bind: () =>
      Promise.resolve(() => {
        made.runs++;
        now += next();
        return Promise.resolve();
      }),
  };
  return made;
}

/** Times between `ms` and so much more, evenly; other ones for each length. */
function noisy(ms: number, more: number): () => number {
  const random = mulberry32(ms);
  return () => ms * (1 + more * random());
}

const OPTIONS: TimingOptions = { warmup: 0, runs: 50, threads: 1 };

async function rounds(next: readonly (() => number)[], options: Partial<TimingOptions>): Promise<number> {
  const [first] = await timeSessions(next.map(session), [{}], { ...OPTIONS, ...options });
  return first!.samplesMs.length;
}

describe("timing", () => {
  it("stops after a dozen rounds that agree, but not before each model was timed for long enough", async () => {
    const steady = [noisy(10, 0.01), noisy(9.8, 0.01)];
    expect(await rounds(steady, { sureWithin: 0.02 })).toBe(12);
    expect(await rounds(steady, { sureWithin: 0.02, minMs: 200 })).toBeGreaterThanOrEqual(20);
    expect(await rounds(steady, {})).toBe(50);
  });

  it("goes on where rounds differ, unless the models differ much more", async () => {
    const near = [noisy(10, 0.2), noisy(9, 0.2)];
    expect(await rounds(near, { sureWithin: 0.02 })).toBe(50);
    const far = [noisy(10, 0.2), noisy(2, 0.2)];
    expect(await rounds(far, { sureWithin: 0.02 })).toBeLessThan(30);
  });

  it("ends after a dozen rounds when there was enough time, and after five when there was too much", async () => {
    const busy = [noisy(1000, 0.5), noisy(900, 0.5)];
    expect(await rounds(busy, { sureWithin: 0.02, enoughMs: 2000 })).toBe(12);
    expect(await rounds(busy, { sureWithin: 0.02, enoughMs: 2000, maxMs: 5000 })).toBe(5);
  });

  it("warms up as often as asked, or for a second but twice", async () => {
    const [quick, slow] = [session(() => 1), session(() => 900)];
    await timeSessions([quick], [{}], { ...OPTIONS, warmup: 5, runs: 1 });
    await timeSessions([slow], [{}], { ...OPTIONS, warmup: 5, runs: 1 });
    expect([quick.runs, slow.runs]).toEqual([6, 3]);
  });
});
