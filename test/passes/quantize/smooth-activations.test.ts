import { describe, expect, it } from "vitest";
import {
  attribute,
  floatTensor,
  int64Tensor,
  makeNode,
  toFloat32,
  type Feed,
  type Model,
  type Node,
  type Tensor,
} from "../../../src/ir/index.js";
import { assertValid } from "../../../src/ir/validate.js";
import { Statistics } from "../../../src/numeric/statistics.js";
import type { PassResult } from "../../../src/passes/contract.js";
import {
  smoothActivations,
  type SmoothActivationsOptions,
} from "../../../src/passes/quantize/smooth-activations.js";
import { CONTEXT, difference, floats, run } from "../../support/running.js";
import { tensor } from "../../support/prove.js";
import { tiny, type Parts } from "../../support/tiny-models.js";

const op = makeNode;
const FEED: Feed = { x: floats([2, 3, 8]) };
const CONSTANTS = [
  tensor("g", [8], 3),
  tensor("b", [8], 4),
  tensor("q", [8, 4], 5),
  tensor("k", [8, 4], 6),
  tensor("v", [8, 5], 7),
  tensor("c", [4], 8),
  int64Tensor("rows", [-1, 8]),
];
const norm = (inputs = ["x", "g", "b"]): Node =>
  op("LayerNormalization", inputs, ["n"], [attribute.int("axis", -1)], "norm");

/** Channel 2 twenty times as large as the others. */
function measured(model: Model): Statistics {
  const statistics = new Statistics();
  for (const request of smoothActivations().statistics(model)) {
    const max = new Float64Array(8).fill(1);
    max[2] = 20;
    if (request.kind === "channelRange") statistics.set(request, { min: max.map((value) => -value), max });
  }
  return statistics;
}

async function smoothed(
  nodes: Node[],
  parts: Parts = {},
  options: Partial<SmoothActivationsOptions> = { alpha: 0.5 },
  constants: Tensor[] = CONSTANTS,
): Promise<{ model: Model; result: PassResult }> {
  const initializers = constants.filter(({ name }) => nodes.some(({ inputs }) => inputs.includes(name!)));
  const build = (): Model =>
    tiny(structuredClone(nodes), { feed: FEED, ...parts, initializers: structuredClone(initializers) });
  const before = await run(build(), FEED);
  const model = build();
  const result = await smoothActivations(options).run(model, { ...CONTEXT, statistics: measured(model) });
  assertValid(model, "smooth-activations");
  expect(difference(before, await run(model, FEED))).toBeLessThan(2e-5);
  return { model, result };
}

describe("smooth-activations", () => {
  it.each<[string, Node[], number, Parts?]>([
    ["one layer", [norm(), op("MatMul", ["n", "q"], ["y"])], 1],
    [
      "three layers",
      [
        norm(),
        op("MatMul", ["n", "q"], ["h"]),
        op("Add", ["h", "c"], ["y"]),
        op("MatMul", ["n", "k"], ["z"]),
        op("MatMul", ["n", "v"], ["w"]),
      ],
      3,
      { outputs: ["y", "z", "w"] },
    ],
    [
      "a Gemm behind a Reshape",
      [norm(), op("Reshape", ["n", "rows"], ["r"]), op("Gemm", ["r", "q", "c"], ["y"])],
      1,
    ],
    ["a normalization without a bias", [norm(["x", "g"]), op("MatMul", ["n", "q"], ["y"])], 1],
    [
      "a scale and bias written out",
      [op("Mul", ["x", "g"], ["s"]), op("Add", ["b", "s"], ["n"]), op("MatMul", ["n", "q"], ["y"])],
      1,
    ],
    ["a scale alone", [op("Mul", ["g", "x"], ["n"]), op("MatMul", ["n", "q"], ["y"])], 1],
  ])("moves factors into %s", async (_, nodes, layers, parts) => {
    const { result } = await smoothed(nodes, parts);
    expect(result.stats).toMatchObject({ normalizationsSmoothed: 1, layersScaled: layers });
    expect(result.stats.largestFactor).toBeGreaterThan(2);
  });

  it("takes s = √(max|x| / max|W|) over the geometric mean", async () => {
    const even = [
      ...CONSTANTS.filter(({ name }) => name !== "q"),
      floatTensor("q", [8, 4], new Float32Array(32).fill(0.5)),
    ];
    const { model } = await smoothed([norm(), op("MatMul", ["n", "q"], ["y"])], {}, { alpha: 0.5 }, even);
    const weight = toFloat32(
      model.graph.initializers.find(({ name }) => name === model.graph.nodes[1]!.inputs[1])!,
    );
    expect(weight[2 * 4]! / weight[0]!).toBeCloseTo(Math.sqrt(20), 4);
    expect(Math.log(weight[2 * 4]! / 0.5) + 7 * Math.log(weight[0]! / 0.5)).toBeCloseTo(0, 5);
  });

  it("gives a shared scale to no other normalization", async () => {
    const nodes = [norm(), op("MatMul", ["n", "q"], ["y"]), op("LayerNormalization", ["x", "g", "b"], ["z"])];
    const { result } = await smoothed(nodes, { outputs: ["y", "z"] });
    expect(result.stats.normalizationsSmoothed).toBe(1);
  });

  it("searches the exponent, and stays where even channels leave nothing to gain", async () => {
    const nodes = [norm(), op("MatMul", ["n", "q"], ["y"])];
    expect((await smoothed(nodes, {}, {})).result.nodes[0]?.reason).toMatch(/^alpha 0\.\d, into 1 layer$/);
    const model = tiny(nodes, {
      feed: FEED,
      initializers: [...CONSTANTS.slice(0, 2), floatTensor("q", [8, 4], new Float32Array(32).fill(0.5))],
    });
    const statistics = new Statistics();
    statistics.set(
      { kind: "channelRange", tensor: "n", axis: -1 },
      { min: new Float64Array(8).fill(-1), max: new Float64Array(8).fill(1) },
    );
    const {
      modified,
      nodes: [status],
    } = await smoothActivations().run(model, { ...CONTEXT, statistics });
    expect([modified, status?.reason]).toEqual([false, "no exponent lowers the expected error"]);
  });

  it.each<[string, Node[], RegExp, Parts?]>([
    [
      "a sum reads it too",
      [
        norm(),
        op("MatMul", ["n", "q"], ["y"]),
        op("Add", ["n", "x"], ["s"]),
        op("LayerNormalization", ["s", "g"], ["z"]),
      ],
      /LayerNormalization "z" does not commute/,
      { outputs: ["y", "z"] },
    ],
    [
      "a Sigmoid stands between",
      [norm(), op("Sigmoid", ["n"], ["s"]), op("MatMul", ["s", "q"], ["y"])],
      /Sigmoid "s" does not commute/,
    ],
    ["it is an output", [norm(), op("MatMul", ["n", "q"], ["y"])], /a graph output/, { outputs: ["y", "n"] }],
    [
      "the weight has other uses",
      [norm(), op("MatMul", ["n", "q"], ["y"]), op("MatMul", ["x", "q"], ["z"])],
      /"q" has other uses/,
      { outputs: ["y", "z"] },
    ],
  ])("stays when %s", async (_, nodes, reason, parts) => {
    const { result } = await smoothed(nodes, parts);
    expect([result.modified, result.nodes[0]?.status]).toEqual([false, "kept"]);
    expect(result.nodes[0]?.reason).toMatch(reason);
  });

  it.each([NaN, Infinity])("stays over weights of %d", async (value) => {
    const model = tiny([norm(), op("MatMul", ["n", "q"], ["y"])], {
      feed: FEED,
      initializers: [...CONSTANTS.slice(0, 2), floatTensor("q", [8, 4], new Float32Array(32).fill(value))],
    });
    const { modified, nodes } = await smoothActivations().run(model, {
      ...CONTEXT,
      statistics: measured(model),
    });
    expect([modified, nodes[0]?.reason]).toEqual([
      false,
      "a weight of a layer after it is not finite, or too large to be scaled",
    ]);
  });

  it("asks for data where there is none", async () => {
    const model = tiny([norm(), op("MatMul", ["n", "q"], ["y"])], {
      feed: FEED,
      initializers: CONSTANTS.slice(0, 3),
    });
    const { modified, diagnostics } = await smoothActivations().run(model, CONTEXT);
    expect([modified, diagnostics[0]?.id]).toEqual([false, "smooth-activations/needs-data"]);
  });

  it("refuses exponents beyond 0 and 1", () => {
    expect(() => smoothActivations({ alpha: 1.5 })).toThrow(/alpha must be a number from 0 to 1/);
  });
});
