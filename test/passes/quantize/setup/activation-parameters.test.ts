import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  type Feed,
  floatTensor,
  isOp,
  makeNode,
  type Model,
  type Node,
  toNumbers,
} from "../../../../src/ir/index.js";
import { Statistics } from "../../../../src/numeric/statistics.js";
import { quantizeInt8 } from "../../../../src/passes/quantize/quantize-int8.js";
import { convolution, model, noise, run } from "../../../support/int8-models.js";
import { executedOps, outputs } from "../running.js";

/** Even histograms over a range of each tensor's own. */
function spread(m: Model, ranges: Readonly<Record<string, readonly [number, number]>>): Statistics {
  const statistics = new Statistics();
  for (const request of quantizeInt8().statistics(m)) {
    if (request.kind !== "histogram") continue;
    const [min, max] = ranges[request.tensor] ?? [-1, 1];
    statistics.set(request, { min, max, counts: new Float64Array(2048).fill(1), count: 2048 });
  }
  return statistics;
}

/** Scale and zero point of the codes made of a tensor. */
function codesOf(m: Model, tensor: string): number[] {
  const quantize = m.graph.nodes.find((node) => isOp(node, "QuantizeLinear") && node.inputs[0] === tensor)!;
  return quantize.inputs
    .slice(1)
    .flatMap((name) => toNumbers(m.graph.initializers.find((t) => t.name === name)!));
}

const reasonOf = (nodes: readonly { name: string; reason: string }[], name: string): string =>
  nodes.find((node) => node.name === name)!.reason;

describe("a range known by construction", () => {
  const behind = (...between: Node[]): Model =>
    model(
      [
        convolution("x", "a", "w1"),
        ...between,
        convolution("s", "c", "w2"),
        makeNode("Sigmoid", ["c"], ["y"]),
      ],
      [floatTensor("w1", [16, 4, 3, 3], noise(576)), floatTensor("w2", [16, 16, 3, 3], noise(2304))],
    );
  const after = async (operator: string, seen: readonly [number, number]) => {
    const m = behind(makeNode(operator, ["a"], ["s"]));
    const { nodes } = await run(m, spread(m, { s: seen }));
    return { codes: codesOf(m, "s"), reason: reasonOf(nodes, "conv_c") };
  };

  it.each([
    ["Sigmoid", [0.3, 0.6], [1 / 255, 0], "0 to 1"],
    ["HardSigmoid", [0, 0.5], [1 / 255, 0], "0 to 1"],
    ["Tanh", [-0.4, 0.5], [1 / 127, 128], "-1 to 1"],
  ] as const)(
    "is taken behind %s, however little of it calibration saw",
    async (operator, seen, [scale, zeroPoint], text) => {
      const { codes, reason } = await after(operator, seen);
      expect(codes).toEqual([Math.fround(scale), zeroPoint]);
      expect(reason).toContain(`the range of its input is known by construction, ${text}`);
    },
  );

  // Even values up to m have a mean square of m²/3, codes of step 1/255 an error of (1/255)²/12: 40 dB at m
  // = 0.196.
  it("gives way to calibration where values are so small that its codes leave less than 40 dB", async () => {
    expect((await after("Sigmoid", [0, 0.22])).codes[0]).toBe(Math.fround(1 / 255));
    const { codes, reason } = await after("Sigmoid", [0, 0.17]);
    expect(codes[0]! * 255).toBeCloseTo(0.17, 2);
    expect(reason).not.toContain("construction");
  });

  it("goes through operators that move values", async () => {
    const m = behind(
      makeNode("HardSigmoid", ["a"], ["t"]),
      makeNode("MaxPool", ["t"], ["s"], [attribute.ints("kernel_shape", [2, 2])]),
    );
    await run(m, spread(m, { t: [0.4, 0.5], s: [0.4, 0.5] }));
    expect(codesOf(m, "s")).toEqual([Math.fround(1 / 255), 0]);
  });

  it("lets x * sigmoid(x) run on codes, near float", async () => {
    const swish = (): Model =>
      behind(makeNode("Sigmoid", ["a"], ["g"], [], "gate"), makeNode("Mul", ["a", "g"], ["s"]));
    const m = swish();
    const statistics = spread(m, { a: [-12, 12], g: [0, 1], s: [-0.3, 12], c: [-40, 40] });
    const { nodes } = await run(m, statistics, { calibrator: "minmax" });
    expect(reasonOf(nodes, "gate")).toContain("the range of its output is known by construction, 0 to 1");
    expect(await executedOps(m)).toEqual(expect.arrayContaining(["QLinearSigmoid", "QLinearMul"]));
    const feed: Feed = { x: { dataType: DataType.FLOAT, dims: [1, 4, 8, 8], data: noise(256, 7) } };
    const [before, now] = [await outputs(swish(), feed), await outputs(m, feed)];
    const squares = (values: readonly number[]): number =>
      values.reduce((sum, value) => sum + value * value, 0);
    expect(
      10 * Math.log10(squares(before) / squares(now.map((value, k) => value - before[k]!))),
    ).toBeGreaterThan(20);
  });
});

describe("the branches of a Concat", () => {
  const joined = (extra: readonly Node[] = []): Model =>
    model(
      [
        convolution("x", "a", "w1"),
        makeNode("Relu", ["a"], ["p"]),
        convolution("x", "b", "w2"),
        makeNode("Relu", ["b"], ["q"]),
        ...extra,
        makeNode("Concat", ["p", "q"], ["j"], [attribute.int("axis", 1)], "join"),
        convolution("j", "c", "w3"),
        makeNode("Sigmoid", ["c"], ["y"]),
      ],
      [
        floatTensor("w1", [16, 4, 3, 3], noise(576)),
        floatTensor("w2", [16, 4, 3, 3], noise(576, 2)),
        floatTensor("w3", [16, 32, 3, 3], noise(16 * 32 * 9, 3)),
      ],
    );

  it("take its scale, so that onnxruntime copies codes and nothing is rounded twice", async () => {
    const m = joined();
    const { nodes } = await run(m, spread(m, { p: [0, 4], q: [0, 2], j: [0, 4] }));
    expect([codesOf(m, "a"), codesOf(m, "b")]).toEqual([codesOf(m, "j"), codesOf(m, "j")]);
    expect(reasonOf(nodes, "join")).toContain("its branches share one scale");
    expect(await executedOps(m)).toContain("QLinearConcat");
  });

  // Errors go with the square of the scale: with one reader more, sharing costs (s² - s₂²) there and saves
  // s₂² here.
  it.each([
    [3, true],
    [2.5, false],
  ] as const)("of which another layer reads one with values to %f of 4 share: %s", async (most, shared) => {
    const m = joined([convolution("q", "d", "w3b")]);
    m.graph.initializers.push(floatTensor("w3b", [16, 16, 3, 3], noise(2304, 5)));
    m.graph.nodes.push(makeNode("Sigmoid", ["d"], ["unused"]));
    const { nodes } = await run(m, spread(m, { p: [0, 4], q: [0, most], j: [0, 4] }));
    expect(codesOf(m, "b")[0]! * 255).toBeCloseTo(shared ? 4 : most, 1);
    expect(reasonOf(nodes, "join")).toContain(
      shared ? "share one scale" : '"q" of its 2 branches keep their own scales',
    );
  });

  it("keep codes that start at 0 where a Relu was absorbed and the other branch has negative values", async () => {
    const m = joined();
    m.graph.nodes.splice(
      m.graph.nodes.findIndex((node) => node.inputs[0] === "a"),
      1,
      makeNode("LeakyRelu", ["a"], ["p"]),
    );
    const { nodes } = await run(m, spread(m, { p: [-4, 4], q: [0, 4], j: [-4, 4] }));
    expect(codesOf(m, "b")[1]).toBe(0);
    expect(reasonOf(nodes, "join")).toContain('"q" of its 2 branches');
  });
});
