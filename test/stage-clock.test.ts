import { describe, expect, it } from "vitest";
import {
  inStage,
  inWholeStage,
  StageClock,
  stageTimes,
  startedAt,
  withStageClock,
} from "../src/stage-clock.js";
import { uniform } from "./support/seeded.js";

/** A clock that is moved by hand. */
function handClock(): { now: () => number; pass: (ms: number) => void } {
  let time = 1000;
  return { now: () => time, pass: (ms) => void (time += ms) };
}

function msOf({ stages }: { stages: readonly { stage: string; ms: number }[] }): Record<string, number> {
  return Object.fromEntries(stages.map(({ stage, ms }) => [stage, ms]));
}

describe("StageClock", () => {
  it("charges stages, those within them, and what is between to the outer one", async () => {
    const { now, pass } = handClock();
    const clock = new StageClock(now);
    pass(1);
    await clock.within(
      "prune",
      async () => {
        pass(10);
        await clock.within("calibrate", () => pass(100), false);
        pass(20);
      },
      false,
    );
    pass(2);
    await clock.within("calibrate", () => pass(1000), false);
    expect(msOf(clock.times())).toEqual({ other: 3, prune: 30, calibrate: 1100 });
  });

  it("charges all that is within a whole stage to it, and nothing that comes after", async () => {
    const { now, pass } = handClock();
    const clock = new StageClock(now);
    await clock.within("search", () => clock.within("calibrate", () => pass(5), false), true);
    await clock.within("calibrate", () => pass(7), false);
    expect(msOf(clock.times())).toEqual({ other: 0, search: 5, calibrate: 7 });
  });

  it("ends a stage that fails", async () => {
    const { now, pass } = handClock();
    const clock = new StageClock(now);
    const fail = (): never => {
      pass(4);
      throw new Error("no");
    };
    for (const isWhole of [true, false])
      await expect(clock.within("check", fail, isWhole)).rejects.toThrow("no");
    await clock.within("write", () => pass(6), false);
    expect(msOf(clock.times())).toEqual({ other: 0, check: 8, write: 6 });
  });

  it("counts the start of the program where that is known", () => {
    const { now, pass } = handClock();
    pass(300);
    expect(msOf(new StageClock(now, 1000).times())).toEqual({ start: 300, other: 0 });
  });

  it("loses nothing: the stages of random runs add up to the time from their start", async () => {
    const next = uniform(14);
    for (let run = 0; run < 50; run++) {
      const { now, pass } = handClock();
      const clock = new StageClock(now);
      const work = async (depth: number): Promise<void> => {
        for (let k = 0; k < 4; k++) {
          pass(next() * 50);
          if (depth > 0 && next() < 0.6)
            await clock
              .within(
                `stage ${Math.floor(next() * 5)}`,
                async () => {
                  await work(depth - 1);
                  if (next() < 0.2) throw new Error("fails");
                },
                next() < 0.3,
              )
              .catch(() => undefined);
        }
      };
      await work(3);
      const { totalMs, stages } = clock.times();
      // Each stage is rounded to a tenth.
      expect(Math.abs(totalMs - (now() - 1000))).toBeLessThan(0.05 * stages.length + 0.1);
      expect(totalMs).toBeCloseTo(
        stages.reduce((sum, { ms }) => sum + ms, 0),
        6,
      );
    }
  });
});

describe("the clock of a run", () => {
  it("is its own, also of runs side by side and within each other", async () => {
    const run = (stage: string, job: () => Promise<unknown> = () => Promise.resolve()): Promise<string[]> =>
      withStageClock(async () => {
        await inStage(stage, async () => {
          await new Promise((resolve) => setTimeout(resolve, 2));
          await job();
        });
        return stageTimes().stages.map((each) => each.stage);
      });
    const inner: string[][] = [];
    const found = await Promise.all([
      run("a"),
      run("b", async () => void inner.push(await run("c"))),
      run("d"),
    ]);
    const own = (stages: string[]): string[] => stages.filter((stage) => stage !== "other");
    expect([...found, ...inner].map(own)).toEqual([["a"], ["b"], ["d"], ["c"]]);
  });

  it("starts with the program only for the job itself", async () => {
    const stages = (): string[] => stageTimes().stages.map(({ stage }) => stage);
    await startedAt(performance.now() - 500, () =>
      withStageClock(async () => {
        expect(stages()).toContain("start");
        expect(await withStageClock(() => Promise.resolve(stages()))).not.toContain("start");
      }),
    );
  });

  it("is not needed", async () => {
    expect(await inStage("read", () => 3)).toBe(3);
    expect(await inWholeStage("search", () => Promise.resolve(4))).toBe(4);
    expect(stageTimes()).toEqual({ totalMs: 0, stages: [] });
  });
});
