import { expect, test } from "vitest";
import type { OutputFidelity } from "../../src/fidelity/index.js";
import { outputFidelity } from "../support/output-fidelity.js";
import { checkGates, type VerifyReport } from "../../src/verify/index.js";

const fidelity = (sqnrDb: number | null): OutputFidelity => outputFidelity({ sqnrDb, top1Agreement: 0.99 });
const times = { p50Ms: 1, p95Ms: 1, spread: 0 };
const REPORT: VerifyReport = {
  size: {
    original: { raw: 400, gzip: 300, brotli: 290 },
    compressed: { raw: 100, gzip: 80, brotli: 70 },
    ratio: 4,
  },
  fidelity: { samples: 10, source: "data.npz", outputs: { a: fidelity(30), b: fidelity(null) } },
  accuracy: { metric: "top-1", original: 98.3, compressed: 98, drop: 98.3 - 98, samples: 1000 },
  latency: {
    original: times,
    compressed: times,
    speedup: 0.5,
    p50Ratio: 0.5,
    speedupRange: [0.5, 0.5],
    threads: 1,
    runs: 50,
    runtime: "onnxruntime-node 1.30.0",
  },
  executed: null,
};

test("without limits, the verdict is ok", () => {
  expect(checkGates({}, REPORT)).toEqual({ ok: true, gates: [] });
});

test("a gate states its limit and what was measured", () => {
  expect(checkGates({ minSqnrDb: 35 }, REPORT)).toEqual({
    ok: false,
    gates: [
      {
        name: "minSqnrDb",
        limit: 35,
        actual: 30,
        ok: false,
        message: "the lowest SQNR is 30 dB; the limit is at least 35 dB",
      },
    ],
  });
});

test.each([
  [{ maxDrop: 0.3 }, true],
  [{ maxDrop: 0.29 }, false],
  [{ minAgreement: 0.99 }, true],
  [{ minAgreement: 1 }, false],
  [{ maxSize: 100 }, true],
  [{ maxGzipSize: 79 }, false],
  [{ maxBrotliSize: 70 }, true],
  [{ maxSlowdown: 2 }, true],
  [{ maxSlowdown: 1.05 }, false],
])("%j holds: %s", (limits, ok) => {
  expect(checkGates(limits, REPORT).ok).toBe(ok);
});

test("a slowdown within 3 % of measurement noise does not count", () => {
  const atSpeedup = (speedup: number) =>
    checkGates({ maxSlowdown: 1 }, { ...REPORT, latency: { ...REPORT.latency!, speedup } });
  expect([atSpeedup(0.975).ok, atSpeedup(0.965).ok]).toEqual([true, false]);
  expect(atSpeedup(0.5).gates[0]?.message).toBe(
    "the time relative to the original is 2×; the limit is at most 1× (plus 3 % noise)",
  );
});

test("agreement is unknown if samples could not be compared", () => {
  const outputs = { a: { ...fidelity(30), otherSize: 1 } };
  expect(
    checkGates({ minAgreement: 0 }, { ...REPORT, fidelity: { ...REPORT.fidelity, outputs } }).gates[0],
  ).toMatchObject({ ok: false, actual: null });
});

test("one gate that fails fails the verdict", () => {
  expect(checkGates({ maxSize: 100, maxGzipSize: 1 }, REPORT)).toMatchObject({
    ok: false,
    gates: [{ ok: true }, { ok: false }],
  });
});

test("equal outputs meet any SQNR limit", () => {
  const equal = { ...REPORT, fidelity: { ...REPORT.fidelity, outputs: { b: fidelity(null) } } };
  expect(checkGates({ minSqnrDb: 100 }, equal).gates[0]).toMatchObject({ ok: true, actual: null });
});

test("a limit on something that was not measured fails", () => {
  expect(
    checkGates({ maxDrop: 1, maxSlowdown: 2 }, { ...REPORT, accuracy: null, latency: null }),
  ).toMatchObject({
    ok: false,
    gates: [
      {
        ok: false,
        actual: null,
        message: "the accuracy lost is not known (no labelled data was given); the limit is at most 1 points",
      },
      { ok: false },
    ],
  });
});

const LOADED: VerifyReport = {
  ...REPORT,
  load: {
    original: { ms: 40, peakBytes: 1000 },
    compressed: { ms: 100, peakBytes: 1600 },
    timeRatio: 2.5,
    memoryRatio: 1.6,
  },
  macs: { original: 800, compressed: 200 },
};

test.each([
  [{ maxSize: { share: 0.25 } }, true],
  [{ maxSize: { share: 0.24 } }, false],
  [{ maxLatency: 1 }, true],
  [{ maxLatency: { share: 0.9 } }, false],
  [{ maxMacs: 200 }, true],
  [{ maxMacs: { share: 0.2 } }, false],
  [{ maxLoadMemory: { share: 1.6 } }, true],
  [{ maxLoadMemory: { share: 1.5 } }, false],
  [{ maxLoadMemory: 1599 }, false],
  [{ maxLoadTime: { share: 2.5 } }, true],
  [{ maxLoadTime: 99 }, false],
])("figures and shares of the original: %j → %s", (limits, ok) => {
  expect(checkGates(limits, LOADED).ok).toBe(ok);
});

test("a share is stated with the figure that it comes to", () => {
  expect(checkGates({ maxLoadMemory: { share: 1.5 } }, LOADED).gates[0]).toEqual({
    name: "maxLoadMemory",
    limit: 1500,
    actual: 1600,
    ok: false,
    message: "the peak memory of loading is 1600 bytes; the limit is at most 1.5× the original's, 1500 bytes",
  });
});

test("limits on what was not measured fail", () => {
  for (const limits of [{ maxLoadMemory: 1 }, { maxLoadTime: { share: 2 } }, { maxMacs: { share: 1 } }])
    expect(checkGates(limits, REPORT)).toMatchObject({ ok: false, gates: [{ actual: null }] });
});
