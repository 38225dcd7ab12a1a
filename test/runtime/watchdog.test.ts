import { describe, expect, it, onTestFinished } from "vitest";
import type { WorkLimit } from "../../src/run-limits.js";
import { watchProcess } from "../../src/runtime/watchdog.js";

const NOTHING: WorkLimit = { seconds: -1, bytes: Infinity };
const EVERYTHING: WorkLimit = { seconds: Infinity, bytes: Infinity };

/** Watches this process until it was looked at so many times. */
async function watched(looks: number, whole: WorkLimit): Promise<{ asked: boolean[]; told: [WorkLimit, string][] }> {
  const asked: boolean[] = [];
  const told: [WorkLimit, string][] = [];
  await new Promise<void>((resolve) => {
    let seen = 0;
    // Read at each look, whatever it then costs to learn of the limit.
    const looked = (limit: WorkLimit): WorkLimit => ({
      get seconds() {
        if (++seen >= looks) resolve();
        return limit.seconds;
      },
      bytes: limit.bytes,
    });
    const watchdog = watchProcess(
      process.pid,
      (isNear) => {
        asked.push(isNear);
        return looked(isNear ? whole : NOTHING);
      },
      (limit, kind) => {
        told.push([{ seconds: limit.seconds, bytes: limit.bytes }, kind]);
        resolve();
      },
    );
    onTestFinished(() => watchdog.stop());
  });
  return { asked, told };
}

describe("a process that is watched", () => {
  it("costs what is costly to learn of its limit once, however long it works beyond the usual one", async () => {
    const { asked, told } = await watched(8, EVERYTHING);
    expect(asked.filter((isNear) => isNear)).toEqual([true]);
    expect(told).toEqual([]);
  });

  it("is told of once it is beyond the whole limit, with that limit", async () => {
    const { told } = await watched(Infinity, { seconds: -0.5, bytes: 7 });
    expect(told).toEqual([[{ seconds: -0.5, bytes: 7 }, "seconds"]]);
  });
});
