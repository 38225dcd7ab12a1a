/** A report with every section filled. */
import type { Report } from "../../src/report/report.js";
import type { Across, Combination } from "../../src/verify/index.js";

export const SAMPLE: Report = {
  schemaVersion: 1,
  edgec: "0.1.0",
  input: "model.onnx",
  output: "model.edgec.onnx",
  written: ["model.edgec.onnx"],
  target: null,
  emulation: null,
  decisions: {
    kept: ["correct-bias"],
    takenBack: [],
    floatNodes: ["conv3"],
    dynamicNodes: [],
    storedOnly: false,
    plainFloat: false,
    judged: true,
    model: "sha256:00",
  },
  search: {
    floatNodes: [{ name: "conv3", reason: "int8 does not pay off on this machine" }],
    dynamic: null,
    speed: { floatNodes: ["conv3"], floatMs: 4.1, int8Ms: 3.9, chosenMs: 1.45 },
    accuracy: null,
    prediction: null,
  },
  passes: [
    { name: "remove-dead", options: {}, modified: false, stats: {}, ms: 0.4 },
    {
      name: "quantize-int8",
      options: { calibrator: "mse", exclude: [] },
      modified: true,
      stats: { staticNodes: 2 },
      ms: 1234.5,
    },
  ],
  nodes: [
    { pass: "quantize-int8", name: "conv1", opType: "Conv", status: "changed", reason: "static int8" },
    { pass: "quantize-int8", name: "conv2", opType: "Conv", status: "changed", reason: "static int8" },
    { pass: "quantize-int8", name: "gru", opType: "GRU", status: "kept", reason: "has no int8 kernel" },
  ],
  size: {
    original: { raw: 2_712_933, gzip: 2_500_000, brotli: 2_490_000 },
    compressed: { raw: 705_000, gzip: 600_000, brotli: 620_000 },
    ratio: 2_712_933 / 705_000,
  },
  fidelity: {
    samples: 50,
    source: "eval.npz",
    outputs: {
      logits: {
        sqnrDb: 39.71,
        sqnrRange: null,
        worst: null,
        comparedAt: "output",
        pooledSqnrDb: null,
        cosine: 0.999951,
        maxAbsError: 0.4123,
        nearZero: false,
        top1Agreement: 0.998,
        agreement: null,
        nonFinite: 0,
        otherSize: 0,
      },
    },
  },
  accuracy: { metric: "top-1", original: 97.7, compressed: 97.5, drop: 0.2, samples: 1000 },
  latency: {
    original: { p50Ms: 4.1, p95Ms: 4.4, spread: 0.02 },
    compressed: { p50Ms: 1.45, p95Ms: 1.6, spread: 0.03 },
    speedup: 4.1 / 1.45,
    p50Ratio: 4.1 / 1.45,
    speedupRange: [2.8, 2.9],
    threads: 1,
    runs: 100,
    runtime: "onnxruntime-node 1.30.0",
  },
  executed: {
    int8Kernels: 21,
    floatKernels: 1,
    blockKernels: 0,
    otherInt8: 9,
    strayQdq: 0,
    leftovers: { transitions: [], roundTrips: [], weightDequantize: [], decodeNodes: [] },
  },
  times: {
    totalMs: 20_000,
    stages: [
      { stage: "read", ms: 300 },
      { stage: "calibrate", ms: 4_000 },
      { stage: "quantize-int8", ms: 1_200 },
      { stage: "search", ms: 12_000 },
      { stage: "compare", ms: 2_500 },
    ],
  },
  warnings: [{ id: "x", severity: "warning", message: "something to know" }],
  verdict: {
    ok: true,
    gates: [
      {
        name: "maxDrop",
        limit: 0.5,
        actual: 0.2,
        ok: true,
        message: "accuracy drops by 0.20 points, 0.5 allowed",
      },
    ],
  },
};

const reference: Combination = {
  runtime: "onnxruntime-node",
  version: "1.30.0",
  level: "all",
  status: "reference",
  message: null,
  sqnrDb: null,
  maxAbsError: null,
  flipped: null,
  outputs: {},
};

export const ACROSS: Across = {
  samples: 32,
  source: "eval.npz",
  combinations: [
    reference,
    {
      ...reference,
      level: "disabled",
      status: "compared",
      sqnrDb: 58.1,
      maxAbsError: 0.0464,
      flipped: 1 / 32,
    },
    {
      ...reference,
      runtime: "onnxruntime-web",
      status: "compared",
      sqnrDb: 136,
      maxAbsError: 1.9e-6,
      flipped: 0,
    },
    { ...reference, runtime: "onnxruntime-web", level: "disabled", status: "refused", message: "no kernel" },
  ],
};
