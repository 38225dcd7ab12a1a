import { describe, expect, it } from "vitest";
import { reportText } from "../../src/report/terminal.js";
import { SAMPLE } from "./sample-report.js";

describe("reportText", () => {
  it("shows before and after, what became of nodes, warnings, gates and where it went", () => {
    expect(reportText(SAMPLE)).toBe(`\
                            before     after
size                       2.71 MB    705 kB   3.85× smaller
size, gzip                 2.50 MB    600 kB   4.17× smaller
size, brotli               2.49 MB    620 kB   4.02× smaller
latency, median            4.10 ms   1.45 ms   2.83× faster
latency, 95th percentile   4.40 ms   1.60 ms
top-1                        97.70     97.50   0.20 points lower

output logits: 39.7 dB, cosine 0.99995, largest error 0.412, 99.8 % the same top class
latency: onnxruntime-node 1.30.0, 1 thread, 100 interleaved runs of each model
accuracy: 1000 labelled samples
fidelity: 50 samples of eval.npz
executed: 21 int8 kernels, 1 in float, 0 left-over Q/DQ or decode nodes

pass               time
quantize-int8   1235 ms   staticNodes 2

quantize-int8: 2 changed: static int8 (conv1, conv2)
quantize-int8: 1 kept: has no int8 kernel (gru)

warning: something to know

passed: accuracy drops by 0.20 points, 0.5 allowed

written: model.edgec.onnx
`);
  });

  it("leaves out what was not measured", () => {
    const text = reportText({ ...SAMPLE, fidelity: null, accuracy: null, latency: null, executed: null, output: null });
    expect(text).not.toMatch(/latency|fidelity|executed|written/);
  });

  it("does not call a difference within the noise a gain", () => {
    const latency = SAMPLE.latency && { ...SAMPLE.latency, speedup: 1.01 };
    expect(reportText({ ...SAMPLE, latency })).toContain("the same within 3 %");
  });

  it("does not let a node's name reach the terminal as a control sequence", () => {
    const nodes = [{ pass: "p", name: "\u001b[2Jconv", opType: "Conv", status: "kept" as const, reason: "r" }];
    expect(reportText({ ...SAMPLE, nodes })).toContain("(\\x1b[2Jconv)");
  });
});
