import { describe, expect, it } from "vitest";
import { reportJson } from "../../src/report/formats/json.js";
import { SAMPLE } from "../support/sample-report.js";

describe("reportJson", () => {
  it("has the keys of the public schema", () => {
    const report = JSON.parse(reportJson(SAMPLE)) as typeof SAMPLE;
    expect(Object.keys(report)).toEqual([
      "schemaVersion",
      "edgec",
      "input",
      "output",
      "written",
      "target",
      "emulation",
      "decisions",
      "search",
      "passes",
      "nodes",
      "size",
      "fidelity",
      "accuracy",
      "latency",
      "executed",
      "times",
      "warnings",
      "verdict",
    ]);
    expect(Object.keys(report.decisions ?? {})).toEqual([
      "kept",
      "takenBack",
      "floatNodes",
      "dynamicNodes",
      "storedOnly",
      "plainFloat",
      "judged",
      "model",
    ]);
    expect(Object.keys(report.search ?? {})).toEqual([
      "floatNodes",
      "dynamic",
      "speed",
      "accuracy",
      "prediction",
    ]);
    expect(Object.keys(report.size)).toEqual(["original", "compressed", "ratio"]);
    expect(Object.keys(report.fidelity?.outputs.logits ?? {})).toEqual([
      "sqnrDb",
      "sqnrRange",
      "worst",
      "comparedAt",
      "pooledSqnrDb",
      "cosine",
      "maxAbsError",
      "nearZero",
      "top1Agreement",
      "agreement",
      "nonFinite",
      "otherSize",
    ]);
    expect(Object.keys(report.latency ?? {})).toEqual([
      "original",
      "compressed",
      "speedup",
      "p50Ratio",
      "speedupRange",
      "threads",
      "runs",
      "runtime",
    ]);
    expect(Object.keys(report.executed ?? {})).toEqual([
      "int8Kernels",
      "floatKernels",
      "blockKernels",
      "otherInt8",
      "strayQdq",
      "leftovers",
    ]);
  });
});
