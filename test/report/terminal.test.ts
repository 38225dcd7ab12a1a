import { describe, expect, it } from "vitest";
import type { SensitivityReport } from "../../src/compare/sensitivity.js";
import { reportMarkdown } from "../../src/report/formats/markdown.js";
import { sensitivityText } from "../../src/report/sensitivity-text.js";
import { reportText } from "../../src/report/terminal.js";
import { ACROSS, SAMPLE } from "../support/sample-report.js";

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
executed: 21 int8 kernels, 1 in float, 0 remaining Q/DQ or decode nodes

pass               time
quantize-int8   1235 ms   staticNodes 2
time: 20.0 s (search 12.0 s, calibrate 4.0 s, compare 2.5 s, quantize-int8 1.2 s, others 0.3 s)

quantize-int8: 2 changed: static int8 (conv1, conv2)
quantize-int8: 1 kept: has no int8 kernel (gru)

warning: something to know

passed: accuracy drops by 0.20 points, 0.5 allowed

written: model.edgec.onnx
`);
  });

  it("leaves out what was not measured", () => {
    const text = reportText({
      ...SAMPLE,
      fidelity: null,
      accuracy: null,
      latency: null,
      executed: null,
      output: null,
      written: [],
    });
    expect(text).not.toMatch(/latency|fidelity|executed|written/);
  });

  it("shows what other runtimes and levels give, and why one refuses the model", () => {
    expect(reportText({ ...SAMPLE, across: ACROSS })).toContain(`
across runtimes and levels: 32 samples of eval.npz

runtime                   level      SQNR        largest error   decisions that differ
onnxruntime-node 1.30.0   all        reference
onnxruntime-node 1.30.0   disabled   58.1 dB     0.0464          3.1 %
onnxruntime-web 1.30.0    all        136.0 dB    1.9e-6          0.0 %
onnxruntime-web 1.30.0    disabled   refused                     no kernel

`);
  });

  it("does not call a difference within the noise a gain", () => {
    const latency = SAMPLE.latency && {
      ...SAMPLE.latency,
      speedup: 1.01,
      p50Ratio: 1.02,
      speedupRange: [0.99, 1.03] as const,
    };
    expect(reportText({ ...SAMPLE, latency })).toContain("the same within 3 %");
  });

  it("tells no ratio that the times beside it contradict", () => {
    const times = (ms: number) => ({ p50Ms: ms, p95Ms: ms, spread: 0.5 });
    const of = (fields: object): string =>
      reportText({
        ...SAMPLE,
        latency: {
          ...SAMPLE.latency!,
          original: times(33.1),
          compressed: times(30.4),
          p50Ratio: 33.1 / 30.4,
          ...fields,
        },
      });
    expect(of({ speedup: 1 / 1.21, speedupRange: [0.7, 1.1] })).toContain(
      "33.1 ms   30.4 ms   within the noise: half of the rounds gave 0.70× to 1.10×\n",
    );
    expect(of({ speedup: 1.1, speedupRange: [1.09, 1.11] })).toContain("33.1 ms   30.4 ms   1.09× faster\n");
    expect(of({ speedup: 1.6, speedupRange: [1.5, 1.7] })).toContain(
      "33.1 ms   30.4 ms   faster, half of the rounds by 1.50× to 1.70×\n",
    );
  });

  it("says first what everything below is to be read in the light of", () => {
    const warnings = [
      { id: "compare/much-lost", severity: "warning" as const, message: "Much was lost." },
      { id: "calibration/constant", severity: "warning" as const, message: "It is 0." },
      { id: "runtime/native-missing", severity: "warning" as const, message: "It is missing." },
      ...SAMPLE.warnings,
    ];
    const text = reportText({ ...SAMPLE, warnings });
    expect(text.split("\n").slice(0, 3)).toEqual([
      "Much was lost.",
      "warning: It is 0.",
      "warning: It is missing.",
    ]);
    expect([text.match(/It is 0/g)?.length, text.match(/warning: something to know/g)?.length]).toEqual([
      1, 1,
    ]);
    expect(text).toContain("written, but the outputs changed a lot: model.edgec.onnx");
  });

  it("calls times of WebAssembly by their name", () => {
    expect(
      reportText({ ...SAMPLE, latency: { ...SAMPLE.latency!, runtime: "onnxruntime-web 1.30.0" } }),
    ).toContain("latency in WebAssembly, median ");
  });

  it("shortens long names of nodes in the middle, in every table", () => {
    const name = `${"a".repeat(5000)}/Conv`;
    const nodes = [
      {
        pass: "p",
        name,
        opType: "Conv",
        status: "kept" as const,
        reason: `the weight of "${"b".repeat(5000)}" is shared`,
      },
    ];
    for (const text of [
      reportText({ ...SAMPLE, nodes }),
      reportText({ ...SAMPLE, nodes }, undefined, { explain: true }),
      reportMarkdown({ ...SAMPLE, nodes }),
    ]) {
      expect(text).toContain(`${"a".repeat(29)}…${"a".repeat(24)}/Conv`);
      expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThan(500);
    }
    const sensitivity = {
      model: "m",
      source: "s",
      allDb: 30,
      left: 0,
      nodes: [{ name, opType: "Conv", share: 1, db: 30 }],
    };
    expect(sensitivityText(sensitivity as unknown as SensitivityReport)).toContain(
      `${"a".repeat(29)}…${"a".repeat(24)}/Conv `,
    );
  });

  it("does not let a node's name reach the terminal as a control sequence", () => {
    const nodes = [
      { pass: "p", name: "\u001b[2Jconv", opType: "Conv", status: "kept" as const, reason: "r" },
    ];
    expect(reportText({ ...SAMPLE, nodes })).toContain("(\\x1b[2Jconv)");
  });

  it("gives the range of numbers that differ between reasons, and leaves those that do not", () => {
    const pruned = (name: string, share: string, weights: number) => ({
      pass: "prune-magnitude",
      name,
      opType: "Conv",
      status: "changed" as const,
      reason: `${share} % of ${weights} weights are zero, 2:4, conv3`,
    });
    const text = reportText({
      ...SAMPLE,
      nodes: [pruned("a", "50.0", 864), pruned("b", "80.5", 36_864), pruned("c", "9.5", 864)],
    });
    expect(text).toContain(
      "prune-magnitude: 3 changed: 9.5 to 80.5 % of 864 to 36864 weights are zero, 2:4, conv3 (a, b, c)",
    );
  });

  it("shows the largest error first where the signal is near zero", () => {
    const outputs = {
      map: {
        ...SAMPLE.fidelity!.outputs.logits!,
        sqnrDb: -3,
        maxAbsError: 2e-5,
        top1Agreement: null,
        nearZero: true,
      },
    };
    expect(reportText({ ...SAMPLE, fidelity: { ...SAMPLE.fidelity!, outputs } })).toContain(
      "output map: signal near zero, largest error 0.0000200 (-3.0 dB, which says little)",
    );
  });
});

describe("for a device that is not this machine", () => {
  const target = {
    name: "arm64",
    description: "",
    origin: null,
    weightRange: "full",
    memoryBytes: null,
    isThisMachine: false,
  } as const;
  const search = {
    floatNodes: [],
    dynamic: null,
    speed: null,
    accuracy: null,
    prediction: { target: "arm64", floatNodes: ["conv3"], int8: 0.914, chosen: 0.758 },
  };

  it("says whose times were measured, and what is predicted", () => {
    const text = reportText({ ...SAMPLE, target, search });
    expect(text).toContain("latency on this machine, median");
    expect(text).toContain(
      "predicted: 0.76 of float's time on arm64, by its cost table, 0.91 with all layers in int8",
    );
  });

  it("says nothing of the kind for one that is", () => {
    const text = reportText({ ...SAMPLE, target: { ...target, isThisMachine: true } });
    expect(text).toContain("latency, median");
    expect(text).not.toContain("predicted");
  });
});
