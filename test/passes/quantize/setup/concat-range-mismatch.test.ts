import { describe, expect, it } from "vitest";
import {
  attribute,
  floatTensor,
  makeNode,
  type Model,
  type Node,
  tensorValue,
  DataType,
} from "../../../../src/ir/index.js";
import { Statistics } from "../../../../src/numeric/statistics.js";
import { quantizeInt8 } from "../../../../src/passes/quantize/quantize-int8.js";
import { convolution, model, noise, run } from "../../../support/int8-models.js";

type Ranges = Readonly<Record<string, readonly [min: number, max: number]>>;

/**
 * Even histograms over these ranges, with so many values of each tensor as would mislead who counts
 * channels by them.
 */
function spread(m: Model, ranges: Ranges): Statistics {
  const statistics = new Statistics();
  quantizeInt8()
    .statistics(m)
    .forEach((request, k) => {
      if (request.kind !== "histogram") return;
      const [min, max] = ranges[request.tensor] ?? [-1, 1];
      statistics.set(request, {
        min,
        max,
        counts: new Float64Array(2048).fill(k + 1),
        count: 2048 * (k + 1),
      });
    });
  return statistics;
}

/** Weights [16, C, 3, 3], those of input channels from `first` on `factor` times as large. */
function weights(name: string, channels: number, first: number, factor: number) {
  return floatTensor(
    name,
    [16, channels, 3, 3],
    noise(16 * channels * 9, 3).map((v, k) => (k % (channels * 9) < first * 9 ? v : v * factor)),
  );
}

const pool = (input: string, output: string): Node =>
  makeNode(
    "MaxPool",
    [input],
    [output],
    [attribute.ints("kernel_shape", [3, 3]), attribute.ints("pads", [1, 1, 1, 1])],
    `pool_${output}`,
  );
const concat = (inputs: string[], output: string, axis = 1): Node =>
  makeNode("Concat", inputs, [output], [attribute.int("axis", axis)], `join_${output}`);
const relu = (input: string, output: string): Node => makeNode("Relu", [input], [output]);

/**
 * a and b of 16 channels each, what is given, and a layer c that reads `read` and makes 100 times as much
 * of the last 16 of its channels.
 */
const behind = (between: readonly Node[], read: string, channels = 32, factor = 100): Model =>
  model(
    [
      convolution("x", "a", "w1"),
      convolution("x", "b", "w2"),
      ...between,
      convolution(read, "c", "w3"),
      makeNode("Sigmoid", ["c"], ["y"]),
    ],
    [
      floatTensor("w1", [16, 4, 3, 3], noise(576)),
      floatTensor("w2", [16, 4, 3, 3], noise(576, 2)),
      weights("w3", channels, channels - 16, factor),
    ],
  );

/** What became of layer c. */
async function layerOf(m: Model, ranges: Ranges): Promise<string> {
  const { nodes } = await run(m, spread(m, ranges));
  const { status, reason } = nodes.find(({ name }) => name === "conv_c")!;
  return status === "kept" ? reason : status;
}

// Values up to m have P = m²/3 and e = (scale)²/12, here for a to 100, b to 1 and one scale of 100/255.
// With a factor of
// 100 both give the same power to the outputs: 2 · 100²/3 over 100² e is 17 dB. Scales of their own leave
// 54 dB of values
// from 0 on, 10 log10(4 · 255²), and 48 dB of values on both sides, whose scale is twice that.
describe("a layer that makes much of the small one of two unlike branches", () => {
  const POSITIVE: Ranges = { p: [0, 100], q: [0, 1], j: [0, 100], r: [0, 100], s: [0, 100] };
  const positive = [relu("a", "p"), relu("b", "q")];
  const reason = (join: string, common: number, own: number): string =>
    `the branches of Concat "${join}" have very different ranges: a common scale would leave ` +
    `${common} dB, separate scales ${own} dB`;

  it.each([
    ["a Concat", [concat(["p", "q"], "j")], "j"],
    ["a Concat along an axis that counts from the end", [concat(["p", "q"], "j", -3)], "j"],
    ["a MaxPool behind it", [concat(["p", "q"], "j"), pool("j", "r")], "r"],
    ["two MaxPools behind it", [concat(["p", "q"], "j"), pool("j", "r"), pool("r", "s")], "s"],
    [
      "a MaxPool behind it and a Relu behind that",
      [concat(["p", "q"], "j"), pool("j", "r"), relu("r", "s")],
      "s",
    ],
    ["a pooled branch", [pool("p", "pp"), concat(["pp", "q"], "j")], "j"],
  ])("stays in float: %s", async (_, between, read) => {
    expect(await layerOf(behind([...positive, ...between], read), POSITIVE)).toBe(reason("join_j", 17, 54));
  });

  it("stays in float: branches with negative values, which a Relu behind the Concat takes away", async () => {
    const m = behind([concat(["a", "b"], "j"), relu("j", "r")], "r");
    expect(await layerOf(m, { a: [-100, 100], b: [-1, 1], r: [0, 100] })).toBe(reason("join_j", 17, 54));
  });

  // Half of the values up to twice the bound are at the bound: 2/3 · 100² is the large branch's power, and
  // its errors are few.
  it("stays in float: a clamp's bound is what the large branch has at most", async () => {
    const m = behind([concat(["a", "b"], "j"), makeNode("Clip", ["j", "low", "high"], ["r"])], "r");
    m.graph.initializers.push(
      floatTensor("low", [], Float32Array.of(0)),
      floatTensor("high", [], Float32Array.of(100)),
    );
    expect(await layerOf(m, { a: [0, 200], b: [0, 1], r: [0, 100] })).toContain(
      "a common scale would leave 19 dB",
    );
  });

  it("stays in float: Concats of Concats, by the branches of each", async () => {
    const m = behind([...positive, concat(["p", "q"], "i"), concat(["p", "i"], "j")], "j", 48);
    // Three times the power of one branch in place of twice, over the same errors.
    expect(await layerOf(m, { ...POSITIVE, i: [0, 100] })).toBe(reason("join_j", 19, 54));
  });

  it("stays in float where the shape of one branch is open", async () => {
    const m = behind([...positive, makeNode("Mystery", ["q"], ["o"]), concat(["p", "o"], "j")], "j");
    m.graph.nodes.find(({ opType }) => opType === "Mystery")!.domain = "unknown";
    m.graph.nodes.push(convolution("o", "d", "w1b"), makeNode("Sigmoid", ["d"], ["unused"]));
    m.graph.initializers.push(floatTensor("w1b", [16, 16, 3, 3], noise(2304, 5)));
    expect(await layerOf(m, { ...POSITIVE, o: [0, 1] })).toBe(reason("join_j", 17, 54));
  });

  it("stays in float in the body of an If", async () => {
    const inner = behind([...positive, concat(["p", "q"], "j")], "j").graph;
    const m = model([], inner.initializers);
    m.graph.nodes.push(
      makeNode(
        "If",
        ["yes"],
        ["y"],
        [
          attribute.graph("then_branch", {
            ...inner,
            inputs: [],
            initializers: [],
            outputs: [tensorValue("y1", DataType.FLOAT)],
            nodes: inner.nodes.map((node) => ({
              ...node,
              outputs: node.outputs.map((name) => (name === "y" ? "y1" : name)),
            })),
          }),
          attribute.graph("else_branch", {
            ...inner,
            inputs: [],
            initializers: [],
            nodes: [makeNode("Sigmoid", ["x"], ["y2"])],
            outputs: [tensorValue("y2", DataType.FLOAT)],
          }),
        ],
        "choice",
      ),
    );
    m.graph.inputs.push(tensorValue("yes", DataType.BOOL, []));
    expect(await layerOf(m, POSITIVE)).toBe(reason("join_j", 17, 54));
  });

  it.each([
    ["to which the small one matters little", [concat(["p", "q"], "j")], "j", 1],
    [
      "of which a reshape mixes the channels",
      [concat(["p", "q"], "j"), makeNode("Reshape", ["j", "shape"], ["r"])],
      "r",
      100,
    ],
  ] as const)("runs in int8: one %s", async (_, between, read, factor) => {
    const m = behind([...positive, ...between], read, 32, factor);
    m.graph.initializers.push({
      name: "shape",
      dataType: DataType.INT64,
      dims: [4],
      raw: new Uint8Array(new BigInt64Array([1n, 32n, 8n, 8n]).buffer),
    });
    expect(await layerOf(m, POSITIVE)).toBe("changed");
  });
});
