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
import { Statistics } from "../../../src/numeric/statistics.js";
import type { PassResult } from "../../../src/passes/contract.js";
import {
  equalizeChannels,
  type EqualizeChannelsOptions,
} from "../../../src/passes/quantize/equalize-channels.js";
import { difference, floats, run, seededFloats } from "../../support/running.js";
import { apply, branch, FLAG, tiny, type Parts } from "../../support/tiny-models.js";

const op = makeNode;
const { float, int, ints } = attribute;
const IMAGE: Feed = { x: floats([1, 3, 6, 6]) };
const ROWS: Feed = { x: floats([5, 6]) };
const POOL = [ints("kernel_shape", [2, 2]), ints("strides", [2, 2])];

/** A weight [outputs, …] whose rows are of very different size. */
function uneven(name: string, dims: number[], seed = 1, axis = 0): Tensor {
  const values = seededFloats(
    dims.reduce((a, b) => a * b, 1),
    seed,
  );
  const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  return floatTensor(
    name,
    dims,
    values.map((value, i) => value * 10 ** (((Math.floor(i / inner) % dims[axis]!) % 3) - 1)),
  );
}

const conv = (input: string, output: string, weight: string, group = 1): Node =>
  op(
    "Conv",
    [input, weight, `${weight}b`],
    [output],
    [ints("pads", [1, 1, 1, 1]), int("group", group)],
    output,
  );
const weights = [
  uneven("a", [4, 3, 3, 3]),
  uneven("ab", [4], 2),
  uneven("b", [4, 4, 3, 3], 3),
  uneven("bb", [4], 4),
  uneven("d", [4, 1, 3, 3], 5),
  uneven("db", [4], 6),
  uneven("g", [5, 4], 7),
  uneven("f", [5, 36], 8),
  uneven("m", [6, 8], 9, 1),
  uneven("mb", [8], 10),
  uneven("n", [8, 3], 11, 1),
  floatTensor("slope", [4, 1, 1], Float32Array.of(0.1, 0.2, 0.3, -0.4)),
];

interface Outcome {
  readonly model: Model;
  readonly result: PassResult;
  readonly changed: string[];
  readonly reasons: string[];
}

/** Runs the pass by weights alone for weights of one scale, and checks that the outputs agree to rounding. */
async function equalized(
  nodes: Node[],
  parts: Parts,
  options: Partial<EqualizeChannelsOptions> = { perChannel: false },
): Promise<Outcome> {
  const feed = parts.feed ?? IMAGE;
  const initializers = [...weights, ...(parts.initializers ?? [])].filter(({ name }) =>
    nodes.some(({ inputs }) => inputs.includes(name!)),
  );
  const build = (): Model =>
    tiny(structuredClone(nodes), { ...parts, feed, initializers: structuredClone(initializers) });
  const before = await run(build(), feed);
  const model = build();
  const result = await apply(equalizeChannels(options), model);
  const size = Math.max(
    ...Object.values(before).flatMap(({ data }) => Array.from(data as Float32Array, Math.abs)),
  );
  expect(difference(before, await run(model, feed)) / size).toBeLessThan(2e-6);
  const changed = result.nodes.filter((node) => node.status === "changed").map((node) => node.name);
  return {
    model,
    result,
    changed,
    reasons: result.nodes
      .filter((node) => node.status === "kept")
      .map((node) => `${node.name}: ${node.reason}`),
  };
}

/** Largest over smallest of the largest weights of the channels along axis 0. */
function rowRatio(model: Model, name: string): number {
  const node = model.graph.nodes.find((one) => one.outputs[0] === name)!;
  const tensor = model.graph.initializers.find((one) => one.name === node.inputs[1])!;
  const [rows = 1] = tensor.dims;
  const values = toFloat32(tensor);
  const maxima = Array.from({ length: rows }, (_, r) =>
    Math.max(...values.subarray((r * values.length) / rows, ((r + 1) * values.length) / rows).map(Math.abs)),
  );
  return Math.max(...maxima) / Math.min(...maxima);
}

describe("what it takes", () => {
  it.each<[string, Node[]]>([
    ["Relu", [conv("x", "h", "a"), op("Relu", ["h"], ["r"]), conv("r", "y", "b")]],
    ["nothing", [conv("x", "h", "a"), conv("h", "y", "b")]],
    [
      "LeakyRelu",
      [conv("x", "h", "a"), op("LeakyRelu", ["h"], ["r"], [float("alpha", 0.2)]), conv("r", "y", "b")],
    ],
    ["PRelu", [conv("x", "h", "a"), op("PRelu", ["h", "slope"], ["r"]), conv("r", "y", "b")]],
    [
      "MaxPool and AveragePool",
      [
        conv("x", "h", "a"),
        op("MaxPool", ["h"], ["p"], POOL),
        op("AveragePool", ["p"], ["q"], POOL),
        conv("q", "y", "b"),
      ],
    ],
    [
      "GlobalAveragePool and Flatten",
      [
        conv("x", "h", "a"),
        op("GlobalAveragePool", ["h"], ["p"]),
        op("Flatten", ["p"], ["f0"]),
        op("Gemm", ["f0", "g"], ["y"], [int("transB", 1)]),
      ],
    ],
    [
      "ReduceMean",
      [
        conv("x", "h", "a"),
        op("ReduceMean", ["h"], ["p"], [ints("axes", [-1, 2]), int("keepdims", 0)]),
        op("Gemm", ["p", "g"], ["y"], [int("transB", 1)]),
      ],
    ],
    [
      "MaxPool and Flatten of an image",
      [
        conv("x", "h", "a"),
        op("MaxPool", ["h"], ["p"], POOL),
        op("Flatten", ["p"], ["f0"]),
        op("Gemm", ["f0", "f"], ["y"], [int("transB", 1)]),
      ],
    ],
    [
      "Reshape to [0, -1]",
      [
        conv("x", "h", "a"),
        op("MaxPool", ["h"], ["p"], POOL),
        op("Reshape", ["p", "flat"], ["f0"]),
        op("Gemm", ["f0", "f"], ["y"], [int("transB", 1)]),
      ],
    ],
    [
      "Reshape to known sizes",
      [
        conv("x", "h", "a"),
        op("MaxPool", ["h"], ["p"], POOL),
        op("Reshape", ["p", "sizes"], ["f0"]),
        op("Gemm", ["f0", "f"], ["y"], [int("transB", 1)]),
      ],
    ],
  ])("goes through %s", async (_, nodes) => {
    const { changed, model, result } = await equalized(nodes, {
      initializers: [int64Tensor("flat", [0, -1]), int64Tensor("sizes", [-1, 36])],
    });
    expect(changed).toEqual(["h"]);
    expect(rowRatio(model, "h")).toBeLessThan(30);
    expect(result.stats).toMatchObject({ regionsEqualized: 1, layersScaled: 2 });
  });

  it("takes MatMul with its bias, in a batch, and Gemm with factors of its own", async () => {
    const products = [
      op("MatMul", ["x", "m"], ["p"]),
      op("Add", ["p", "mb"], ["h"]),
      op("Relu", ["h"], ["r"]),
      op("MatMul", ["r", "n"], ["y"]),
    ];
    expect((await equalized(products, { feed: { x: floats([2, 5, 6]) } })).changed).toEqual(["p"]);
    const gemm = [
      op("Gemm", ["x", "m", "mb"], ["h"], [float("alpha", 0.5), float("beta", 2)]),
      op("Relu", ["h"], ["r"]),
      op("Gemm", ["r", "n"], ["y"], [float("alpha", 3)]),
    ];
    expect((await equalized(gemm, { feed: ROWS })).changed).toEqual(["h"]);
  });

  it("takes depthwise layers as the end of one region and the beginning of the next", async () => {
    const { changed, result } = await equalized(
      [
        conv("x", "h", "a"),
        op("Relu", ["h"], ["r"]),
        conv("r", "k", "d", 4),
        op("Relu", ["k"], ["q"]),
        conv("q", "y", "b"),
      ],
      {},
    );
    expect([changed, result.stats.layersScaled]).toEqual([["h", "k"], 3]);
  });

  it("scales both sides of a sum, and every reader", async () => {
    const nodes = [
      conv("x", "h", "a"),
      op("Relu", ["h"], ["r"]),
      conv("r", "k", "b"),
      op("Add", ["k", "r"], ["s"]),
      op("Relu", ["s"], ["t"]),
      op("GlobalAveragePool", ["t"], ["p"]),
      op("Flatten", ["p"], ["f0"]),
      op("Gemm", ["f0", "g"], ["y"], [int("transB", 1)]),
    ];
    const { changed, result } = await equalized(nodes, {});
    expect([changed.sort(), result.stats.regionsEqualized]).toEqual([["h", "k"], 1]);
  });
});

describe("what it leaves", () => {
  const bounds = [floatTensor("low", [], Float32Array.of(0)), floatTensor("high", [], Float32Array.of(6))];
  it.each<[string, Node[], RegExp, Parts?]>([
    [
      "Relu6",
      [conv("x", "h", "a"), op("Clip", ["h", "low", "high"], ["r"]), conv("r", "y", "b")],
      /the bounds of Clip "r" apply to all channels alike/,
      { initializers: bounds },
    ],
    [
      "Sigmoid",
      [conv("x", "h", "a"), op("Sigmoid", ["h"], ["r"]), conv("r", "y", "b")],
      /Sigmoid "r" does not commute/,
    ],
    ["an output", [conv("x", "h", "a"), conv("h", "y", "b")], /a graph output/, { outputs: ["y", "h"] }],
    [
      "another reader",
      [conv("x", "h", "a"), conv("h", "y", "b"), op("Sigmoid", ["h"], ["z"])],
      /Sigmoid "z"/,
      { outputs: ["y", "z"] },
    ],
    [
      "a shared weight",
      [
        conv("x", "h", "a"),
        op("Relu", ["h"], ["r"]),
        conv("r", "k", "b"),
        op("Sigmoid", ["k"], ["s"]),
        conv("s", "y", "b"),
      ],
      /"b" has other uses/,
    ],
    [
      "a sum with what no layer makes",
      [conv("x", "h", "a"), op("Add", ["h", "slope"], ["s"]), conv("s", "y", "b")],
      /"slope" does not come from a layer/,
    ],
  ])("keeps a layer before %s", async (_, nodes, reason, parts = {}) => {
    const { result, reasons } = await equalized(nodes, parts);
    expect(result.modified).toBe(false);
    expect(reasons.find((text) => text.startsWith("h:"))).toMatch(reason);
  });

  it("keeps a layer whose values a body reads", async () => {
    const body = [op("Relu", ["h"], ["q"])];
    const nodes = [
      conv("x", "h", "a"),
      conv("h", "y", "b"),
      op("If", ["c"], ["z"], [branch("then_branch", body), branch("else_branch", structuredClone(body))]),
    ];
    expect(
      (await equalized(nodes, { feed: { ...IMAGE, ...FLAG }, outputs: ["y", "z"] })).result.modified,
    ).toBe(false);
  });

  it.each([NaN, Infinity, 1e38])("keeps weights of %d", async (value) => {
    const damaged = floatTensor("a", [4, 3, 3, 3], new Float32Array(108).fill(value));
    const model = tiny([conv("x", "h", "a"), conv("h", "y", "b")], {
      feed: IMAGE,
      initializers: [damaged, ...weights.filter(({ name }) => ["ab", "b", "bb"].includes(name!))],
    });
    const { modified, nodes } = await apply(equalizeChannels({ perChannel: false }), model);
    expect([modified, nodes[1]?.reason]).toEqual([
      false,
      "a weight or bias of its region is not finite, or too large to be scaled",
    ]);
  });

  it("keeps weights of zeros, and channels of zeros among others", async () => {
    const zeros = tiny([conv("x", "h", "a"), conv("h", "y", "b")], {
      feed: IMAGE,
      initializers: [
        floatTensor("a", [4, 3, 3, 3], new Float32Array(108)),
        ...weights.filter(({ name }) => ["ab", "b", "bb"].includes(name!)),
      ],
    });
    expect((await apply(equalizeChannels({ perChannel: false }), zeros)).modified).toBe(false);
  });

  it("keeps channels that are even enough where each output channel has a scale", async () => {
    const even = [
      floatTensor("e", [4, 3, 3, 3], seededFloats(108)),
      floatTensor("eb", [4], seededFloats(4)),
      floatTensor("i", [4, 4, 3, 3], seededFloats(144, 5)),
      floatTensor("ib", [4], seededFloats(4)),
    ];
    expect(
      (await equalized([conv("x", "h", "e"), conv("h", "y", "i")], { initializers: even }, {})).reasons,
    ).toContain("h: its channels are similar enough for weights with per-channel scales");
  });
});

it("weighs activations that were measured, and asks for those that will be codes", async () => {
  const nodes = [conv("x", "h", "e"), op("Relu", ["h"], ["r"]), conv("r", "y", "i")];
  const constant = (name: string, dims: number[], value: number): Tensor =>
    floatTensor(name, dims, new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(value));
  const model = tiny(nodes, {
    feed: IMAGE,
    initializers: [
      constant("e", [2, 3, 3, 3], 1),
      constant("eb", [2], 0),
      constant("i", [1, 2, 3, 3], 1),
      constant("ib", [1], 0),
    ],
  });
  const pass = equalizeChannels({ perChannel: false });
  const requests = pass.statistics(model);
  expect(requests).toEqual([{ kind: "channelRange", tensor: "r", axis: 1 }]);
  expect(equalizeChannels({ by: "weights" }).statistics(model)).toEqual([]);
  const statistics = new Statistics();
  statistics.set(requests[0] as { kind: "channelRange"; tensor: string; axis: number }, {
    min: Float64Array.of(0, 0),
    max: Float64Array.of(16, 1),
  });
  await pass.run(model, { statistics, evaluator: undefined, seed: 0 });
  // Sizes √(16 · 1) : √(1 · 1) = 4 : 1; s = √size over the geometric mean √2.
  const first = toFloat32(
    model.graph.initializers.find(({ name }) => name === model.graph.nodes[0]!.inputs[1])!,
  );
  expect([first[0], first[27]]).toEqual([expect.closeTo(Math.SQRT1_2, 5), expect.closeTo(Math.SQRT2, 5)]);
});

it("refuses what it does not know", () => {
  expect(() => equalizeChannels({ by: "magic" as never })).toThrow(
    /by must be "activations" or "weights", not "magic"/,
  );
});
