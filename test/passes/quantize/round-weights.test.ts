import { describe, expect, it } from "vitest";
import { openDataset } from "../../../src/data/index.js";
import {
  attribute,
  GraphEditor,
  isOp,
  makeNode,
  type Model,
  type Tensor,
  toFloat32,
  toNumbers,
} from "../../../src/ir/index.js";
import { readModel } from "../../../src/onnx/index.js";
import { quantizeInt8 } from "../../../src/passes/quantize/quantize-int8.js";
import { roundWeights, type RoundWeightsOptions } from "../../../src/passes/quantize/round-weights.js";
import { fixture } from "../../support/run-edgec.js";
import { normalArray } from "../../support/seeded.js";
import { floats, model, product, run, statisticsOf, valuesOf } from "../../support/weight-models.js";
import { calibrateInOneProcess } from "../../support/calibrating.js";
import { sampled } from "../../support/thorough.js";

const calibrate = calibrateInOneProcess();

const DEPTH = 48;
const OUTPUTS = 24;

/** Rows whose features share a part, so that errors can cancel. */
const rows = Array.from({ length: 200 }, (_, r) => {
  const shared = normalArray(1, 1000 + r)[0]!;
  return Array.from(normalArray(DEPTH, r + 1), (x) => 0.3 * x + shared + 0.5);
});

const weights = normalArray(DEPTH * OUTPUTS, 7);
const plain = (): Model => product([DEPTH, OUTPUTS], weights);
const biased = (): Model =>
  model(
    [makeNode("Gemm", ["x", "w", "b"], ["y"], [attribute.int("transB", 1)], "dense")],
    [floats("w", [OUTPUTS, DEPTH], weights), floats("b", [OUTPUTS], normalArray(OUTPUTS, 8))],
  );

async function rounded(m: Model, options: Partial<RoundWeightsOptions> = {}) {
  const pass = roundWeights(options);
  return run(pass, m, statisticsOf(pass, m, rows));
}

/** Codes and scales that quantize-int8 (dynamic) gives the only layer. */
async function quantized(m: Model, weightBits = 8): Promise<{ codes: number[]; scales: number[] }> {
  await run(quantizeInt8({ weightBits }), m);
  const editor = GraphEditor.forMainGraph(m);
  const product8 = m.graph.nodes.find((node) => isOp(node, "MatMulInteger"))!;
  const scale = m.graph.nodes.find((node) => isOp(node, "Mul") && editor.constant(node.inputs[1]!))!;
  return {
    codes: toNumbers(editor.constant(product8.inputs[1]!)!),
    scales: toNumbers(editor.constant(scale.inputs[1]!)!),
  };
}

/** Mean square of x · (w - scale · code), over rows and outputs. */
function outputError({ codes, scales }: { codes: number[]; scales: number[] }): number {
  let sum = 0;
  for (const x of rows) {
    for (let n = 0; n < OUTPUTS; n++)
      sum +=
        x.reduce(
          (acc, value, k) => acc + value * (weights[k * OUTPUTS + n]! - codes[k * OUTPUTS + n]! * scales[n]!),
          0,
        ) ** 2;
  }
  return sum / rows.length / OUTPUTS;
}

describe("with the moments of the inputs", () => {
  it.each([
    [8, 0.5],
    [4, 0.3],
  ])("the output of %i-bit weights errs less than %f of that of nearest codes", async (weightBits, share) => {
    const fitted = plain();
    const { modified, nodes, stats } = await rounded(fitted, { weightBits });
    expect([modified, stats.roundedTensors]).toEqual([true, 1]);
    expect(nodes[0]?.reason).toMatch(new RegExp(`^${weightBits}-bit codes, errors compensated`));
    expect(outputError(await quantized(fitted, weightBits))).toBeLessThan(
      share * outputError(await quantized(plain(), weightBits)),
    );
  });

  it("chooses the very codes that quantize-int8 finds", async () => {
    const m = plain();
    await rounded(m);
    const values = valuesOf(m, "w");
    const { codes, scales } = await quantized(m);
    codes.forEach((code, i) => {
      expect(code * scales[i % OUTPUTS]!).toBeCloseTo(values[i]!, 6);
    });
  });

  it("has nothing left to do the second time", async () => {
    const m = plain();
    await rounded(m);
    const { modified, nodes } = await rounded(m);
    expect([modified, nodes[0]?.reason]).toEqual([false, "has 8-bit codes already"]);
  });

  it("moves the shift of the mean into the bias", async () => {
    const m = biased();
    const [before, bias] = [valuesOf(m, "w"), valuesOf(m, "b")];
    await rounded(m, { weightBits: 3 });
    const [after, shifted] = [valuesOf(m, "w"), valuesOf(m, "b")];
    const mean = Array.from(
      { length: DEPTH },
      (_, j) => rows.reduce((sum, x) => sum + x[j]!, 0) / rows.length,
    );
    const output = (w: number[], b: number[], row: number): number =>
      mean.reduce((sum, x, j) => sum + x * w[row * DEPTH + j]!, b[row]!);
    for (let row = 0; row < OUTPUTS; row++)
      expect(output(after, shifted, row)).toBeCloseTo(output(before, bias, row), 4);
  });
});

describe("without moments", () => {
  it("takes scales of least squared error, and says so", async () => {
    const m = plain();
    const { modified, nodes } = await run(roundWeights({ weightBits: 4 }), m);
    expect([modified, nodes[0]?.reason]).toEqual([
      true,
      expect.stringContaining("because its inputs were not measured"),
    ]);
    const nearest = await quantized(plain(), 4);
    const clipped = await quantized(m, 4);
    const squared = ({ codes, scales }: typeof nearest): number =>
      codes.reduce((sum, code, i) => sum + (code * scales[i % OUTPUTS]! - weights[i]!) ** 2, 0);
    expect(squared(clipped)).toBeLessThan(0.9 * squared(nearest));
  });

  it("leaves a convolution, which stays in float then", async () => {
    const m = model(
      [makeNode("Conv", ["x", "w"], ["y"], [], "conv")],
      [floats("w", [16, 8, 3, 3], normalArray(1152, 1))],
    );
    const { modified, nodes } = await run(roundWeights(), m);
    expect(modified).toBe(false);
    expect(nodes[0]).toMatchObject({ name: "conv", status: "kept" });
  });
});

describe("what is left alone", () => {
  it("is what exclusions name, and what quantize-int8 leaves in float", async () => {
    expect((await rounded(plain(), { exclude: ["product"] })).nodes[0]).toMatchObject({
      status: "kept",
      reason: "excluded",
    });
    const small = product([8, 4], normalArray(32, 1));
    expect((await run(roundWeights(), small)).nodes[0]?.reason).toBe(
      "its weight of 32 values is too small to gain",
    );
    expect((await run(roundWeights({ layers: "all" }), small)).modified).toBe(true);
  });

  it("is a weight that something else uses as well", async () => {
    const m = model(
      [makeNode("MatMul", ["x", "w"], ["y"], [], "product"), makeNode("Transpose", ["w"], ["t"])],
      [floats("w", [DEPTH, OUTPUTS], weights)],
    );
    expect((await rounded(m)).nodes[0]?.reason).toContain("also used by Transpose");
  });
});

describe("bits", () => {
  const stack = (): Model =>
    model(
      [
        makeNode("MatMul", ["x", "a"], ["p"], [], "first"),
        makeNode("MatMul", ["p", "b"], ["q"], [], "middle"),
        makeNode("MatMul", ["q", "c"], ["y"], [], "last"),
      ],
      [
        floats("a", [16, 64], normalArray(1024, 1)),
        floats("b", [64, 128], normalArray(8192, 2)),
        floats("c", [128, 8], normalArray(1024, 3)),
      ],
    );
  const levels = (m: Model, name: string): number => {
    const columns = m.graph.initializers.find((tensor) => tensor.name === name)!.dims[1]!;
    return new Set(valuesOf(m, name).filter((_, i) => i % columns === 0)).size;
  };

  it("are eight at the ends of the network unless asked otherwise", async () => {
    const m = stack();
    await run(roundWeights({ weightBits: 3 }), m);
    expect(levels(m, "b")).toBeLessThanOrEqual(7);
    expect([levels(m, "a"), levels(m, "c")].every((count) => count > 7)).toBe(true);
    const whole = stack();
    await run(roundWeights({ weightBits: 3, protectEnds: false }), whole);
    expect([levels(whole, "a"), levels(whole, "c")].every((count) => count <= 7)).toBe(true);
  });

  it.each([1, 9, 4.5, NaN])("refuses %f with what is accepted", (weightBits) => {
    expect(() => roundWeights({ weightBits })).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
    expect(() => quantizeInt8({ weightBits })).toThrow("from 2 to 8");
  });
});

describe("on real models", () => {
  const MODELS = [
    ["mbv2", 4],
    ["mbv2", 8],
    ["lenet", 8],
  ] as const;
  it.each(sampled(MODELS, 3))(
    "%s keeps its codes of %i bits through quantize-int8, depthwise and with the guard",
    async (name, weightBits) => {
      const m = readModel(fixture(`models/${name}.onnx`));
      const dataset = await openDataset(fixture("digits/digits-rgb32-calib.npz"), m.graph.inputs, {
        limit: 4,
      });
      const pass = roundWeights({ weightBits });
      const { stats, nodes } = await run(
        pass,
        m,
        await calibrate({ model: m, dataset, requests: pass.statistics(m) }),
      );
      expect(stats.errorShare).toBeLessThan(0.8);
      const values = new Map(
        m.graph.nodes.map((node) => [
          node.name,
          m.graph.initializers.find((tensor) => tensor.name === node.inputs[1]),
        ]),
      );
      const quantize = quantizeInt8({ weightBits });
      await run(quantize, m, await calibrate({ model: m, dataset, requests: quantize.statistics(m) }));
      const editor = GraphEditor.forMainGraph(m);
      const rounded = new Set(nodes.filter(({ status }) => status === "changed").map((node) => node.name));
      // A dense layer that no codes reach has become another operator.
      const layers = m.graph.nodes.filter(
        (node) => isOp(node, "Conv", "Gemm") && rounded.has(node.name ?? ""),
      );
      expect(layers.length).toBeGreaterThanOrEqual(rounded.size - 1);
      for (const layer of layers)
        expectSameWeights(
          values.get(layer.name)!,
          dequantized(editor, editor.producer(layer.inputs[1]!)!.inputs),
        );
    },
  );
});

function dequantized(editor: GraphEditor, [codes, scales]: readonly string[]): number[] {
  const code = toNumbers(editor.constant(codes!)!);
  const scale = toNumbers(editor.constant(scales!)!);
  return code.map((value, i) => value * scale[Math.floor((i * scale.length) / code.length)]!);
}

/** Equal but for the last bit of the scale. */
function expectSameWeights(tensor: Tensor, values: readonly number[]): void {
  const expected = toFloat32(tensor);
  let worst = 0;
  for (let i = 0; i < expected.length; i++)
    worst = Math.max(worst, Math.abs(values[i]! - expected[i]!) / Math.max(1e-30, Math.abs(expected[i]!)));
  expect(worst).toBeLessThan(2 ** -22);
}

it("asks for nothing of a model without weights", () => {
  expect(roundWeights().statistics(model([makeNode("Relu", ["x"], ["y"])], []))).toEqual([]);
});

it.each<[string, Partial<RoundWeightsOptions>]>([
  ["does not take it in int8", { formats: ["static-qdq", "dynamic-lstm"] }],
  ["keeps its operator in float", { floatOperators: ["MatMul"] }],
])(
  "leaves a layer alone for a target that %s, unless weights that stay in float are meant too",
  async (_, target) => {
    const m = plain();
    expect(await rounded(m, { weightBits: 4, protectEnds: false, ...target })).toMatchObject({
      modified: false,
    });
    expect(await rounded(m, { ...target, layers: "all" })).toMatchObject({ modified: true });
  },
);
