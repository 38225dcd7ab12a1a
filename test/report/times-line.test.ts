import { describe, expect, it } from "vitest";
import { timesLines } from "../../src/report/times-line.js";

describe("timesLines", () => {
  it("names the five largest stages and sums up the others, so that the parts are the whole", () => {
    const ms = [100, 900, 1000, 2000, 3000, 1500, 700, 800];
    const stages = ms.map((each, k) => ({ stage: `s${k}`, ms: each }));
    expect(timesLines({ totalMs: 10_000, stages })).toEqual([
      "time: 10.0 s (s4 3.0 s, s3 2.0 s, s5 1.5 s, s2 1.0 s, s1 0.9 s, others 1.6 s)",
    ]);
  });

  it("leaves out what takes less than a twentieth, and others that are next to nothing", () => {
    const stages = [
      { stage: "read", ms: 30 },
      { stage: "compare", ms: 4970 },
    ];
    expect(timesLines({ totalMs: 5000, stages })).toEqual(["time: 5.0 s (compare 5.0 s)"]);
  });

  it("says nothing where nothing was measured", () => {
    expect(timesLines({ totalMs: 0, stages: [] })).toEqual([]);
  });
});
