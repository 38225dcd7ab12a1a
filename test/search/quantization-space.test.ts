import { NO_SCORES } from "../../src/fidelity/index.js";
import { expect, it } from "vitest";
import { attribute, floatTensor, makeNode, nodeLabel, type Model, type Node } from "../../src/ir/index.js";
import { type StatisticRequest, Statistics } from "../../src/numeric/statistics.js";
import type { Pass } from "../../src/passes/contract.js";
import { definePass } from "../../src/passes/define-pass.js";
import { quantizationSpace, type SpaceTools } from "../../src/search/quantization-space.js";
import { model } from "../support/feed-models.js";

const zeros = (name: string, dims: readonly number[]) =>
  floatTensor(name, dims, new Float32Array(dims.reduce((a, b) => a * b, 1)));
/** Values of each tensor on one sample. */
const COUNTS: Readonly<Record<string, number>> = { x: 3 * 64, a: 8 * 36, r: 8 * 36, f: 8 * 36, g: 5, y: 4 };

const network = (): Model =>
  model(
    [1, 3, 8, 8],
    [
      makeNode("Conv", ["x", "w1"], ["a"], [], "conv"),
      makeNode("Relu", ["a"], ["r"], [], "relu"),
      makeNode("Flatten", ["r"], ["f"], [], "flatten"),
      makeNode("Gemm", ["f", "w2"], ["g"], [attribute.int("transB", 1)], "gemm"),
      makeNode("MatMul", ["g", "w3"], ["y"], [], "matmul"),
    ],
    [zeros("w1", [8, 3, 3, 3]), zeros("w2", [5, 288]), zeros("w3", [5, 4])],
  );

const histogram = (tensor: string): StatisticRequest => ({ kind: "histogram", tensor, bins: 4 });

/** "Quantizes" by renaming: an operator gets the prefix "Int8". */
function marking(left: readonly string[] = [], skipped: readonly string[] = []): Pass {
  const pass = definePass({
    name: "mark",
    description: "",
    lossy: true,
    defaults: {},
    statistics: () => ["x", "a", "f", "g", "y"].map(histogram),
    run: (m: Model) => ({
      modified: true,
      stats: {},
      diagnostics: [],
      nodes: m.graph.nodes.map((node: Node) => {
        const status = left.includes(node.name!) || skipped.includes(node.name!) ? "kept" : "changed";
        const seen = { name: nodeLabel(node), opType: node.opType, status, reason: "" } as const;
        if (status === "changed") node.opType = `Int8${node.opType}`;
        return seen;
      }),
    }),
  })();
  return { ...pass, excluding: (names) => marking([...left, ...names], skipped) };
}

/** Throws for a tensor that has no count. */
function measuring(counts: Readonly<Record<string, number>>): SpaceTools["measure"] {
  return (_, requests) => {
    const statistics = new Statistics();
    for (const request of requests) {
      const count = request.kind === "range" ? counts[request.tensor] : undefined;
      if (request.kind !== "range" || count === undefined) throw new Error("asked for what is not there");
      statistics.set(request, { min: 0, max: 1, count });
    }
    return Promise.resolve(statistics);
  };
}

const tools: SpaceTools = {
  run: async (pass, m, statistics) =>
    (await pass.run(m, { statistics, evaluator: undefined, seed: 0 })).nodes,
  measure: measuring(COUNTS),
  score: () => Promise.resolve(NO_SCORES),
};

/**
 * All of a tensor's values in its lowest and highest bin: the more are in the highest, the less rounding
 * takes of their power.
 */
function histograms(outliers: Readonly<Record<string, number>>): Statistics {
  const statistics = new Statistics();
  for (const tensor of ["x", "a", "f", "g", "y"]) {
    const high = outliers[tensor] ?? 500;
    statistics.set(histogram(tensor) as Extract<StatisticRequest, { kind: "histogram" }>, {
      min: 0,
      max: 1,
      count: 1000,
      counts: Float64Array.of(1000 - high, 0, 0, high),
    });
  }
  return statistics;
}

it("holds the layers that the pass quantizes, with their share of the multiply-accumulates", async () => {
  const { nodes } = await quantizationSpace(network(), marking(), histograms({}), tools);
  const [conv, gemm, matmul] = [8 * 36 * 27, 5 * 288, 4 * 5];
  const total = conv + gemm + matmul;
  expect(new Map(nodes.map(({ name, share, intensity }) => [name, [share, intensity]]))).toEqual(
    new Map([
      ["conv", [conv / total, conv / (COUNTS.x! + COUNTS.a!)]],
      ["gemm", [gemm / total, gemm / (COUNTS.f! + COUNTS.g!)]],
      ["matmul", [matmul / total, matmul / (COUNTS.g! + COUNTS.y!)]],
    ]),
  );
});

it("counts the steps of a recurrence that hands out its last state alone", async () => {
  const [steps, batch, inputs, hidden] = [6, 2, 3, 4];
  const m = model(
    [steps, batch, inputs],
    [
      makeNode("LSTM", ["x", "wi", "wr"], ["", "h"], [attribute.int("hidden_size", hidden)], "lstm"),
      makeNode("Squeeze", ["h"], ["s"], [], "squeeze"),
      makeNode("MatMul", ["s", "w"], ["y"], [], "matmul"),
    ],
    [zeros("wi", [1, 4 * hidden, inputs]), zeros("wr", [1, 4 * hidden, hidden]), zeros("w", [hidden, 5])],
  );
  const counts: Readonly<Record<string, number>> = {
    x: steps * batch * inputs,
    h: batch * hidden,
    s: batch * hidden,
    y: batch * 5,
  };
  const { nodes } = await quantizationSpace(m, marking([], ["squeeze"]), histograms({}), {
    ...tools,
    measure: measuring(counts),
  });
  // Four gates, each of the inputs and of the state before.
  const [lstm, matmul] = [steps * batch * 4 * hidden * (inputs + hidden), batch * hidden * 5];
  expect(new Map(nodes.map(({ name, share, intensity }) => [name, [share, intensity]]))).toEqual(
    new Map([
      ["lstm", [lstm / (lstm + matmul), lstm / (counts.x! + counts.h!)]],
      ["matmul", [matmul / (lstm + matmul), matmul / (counts.s! + counts.y!)]],
    ]),
  );
});

it("leaves out layers that the pass keeps in float", async () => {
  const { nodes } = await quantizationSpace(network(), marking([], ["gemm"]), histograms({}), tools);
  expect(nodes.map(({ name }) => name).sort()).toEqual(["conv", "matmul"]);
});

it("puts first the layers whose ranges few large values stretch", async () => {
  const first = async (outliers: Record<string, number>): Promise<string | undefined> =>
    (await quantizationSpace(network(), marking(), histograms(outliers), tools)).nodes[0]?.name;
  expect([await first({ x: 1 }), await first({ f: 1 }), await first({ y: 1 })]).toEqual([
    "conv",
    "gemm",
    "matmul",
  ]);
});

it("builds the model in int8 but for the nodes named, and leaves the one it was given", async () => {
  const m = network();
  const { build } = await quantizationSpace(m, marking(), histograms({}), tools);
  const int8 = (built: Model): string[] =>
    built.graph.nodes.filter(({ opType }) => opType.startsWith("Int8")).map(({ name }) => name!);
  expect(int8(await build([]))).toEqual(["conv", "relu", "flatten", "gemm", "matmul"]);
  expect(int8(await build(["gemm", "conv"]))).toEqual(["relu", "flatten", "matmul"]);
  expect(int8(m)).toEqual([]);
});

it("has no nodes where the pass quantizes none", async () => {
  expect(
    (await quantizationSpace(network(), marking([], ["conv", "gemm", "matmul"]), histograms({}), tools))
      .nodes,
  ).toEqual([]);
});

it("takes layers of one name for one, as they can only be left in float together", async () => {
  const m = network();
  m.graph.nodes[4]!.name = "gemm";
  const { nodes, build } = await quantizationSpace(m, marking(), histograms({}), tools);
  expect(nodes.map(({ name }) => name).sort()).toEqual(["conv", "gemm"]);
  expect(nodes.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
  expect((await build(["gemm"])).graph.nodes.map(({ opType }) => opType)).toEqual([
    "Int8Conv",
    "Int8Relu",
    "Int8Flatten",
    "Gemm",
    "MatMul",
  ]);
});

it(
  "knows the fully connected layers that run on static codes: those with ranges taken " +
    "at run time become other operators",
  async () => {
    /** "Quantizes" all layers, Gemm and MatMul statically unless their ranges are to be taken at run time. */
    const forming = (dynamic: readonly string[]): Pass => {
      const pass = marking([], ["relu", "flatten"]);
      return {
        ...pass,
        run: async (m, context) => {
          const result = await pass.run(m, context);
          for (const node of m.graph.nodes)
            if (node.opType !== "Int8Conv" && !dynamic.includes(node.name!))
              node.opType = node.opType.replace("Int8", "");
          return result;
        },
        atRunTime: (names) => forming([...dynamic, ...names]),
      };
    };
    const { dynamic } = await quantizationSpace(network(), forming([]), histograms({}), tools);
    expect(dynamic.layers).toEqual(["gemm", "matmul"]);
    expect((await dynamic.build(["gemm"])).graph.nodes.map(({ opType }) => opType)).toEqual([
      "Int8Conv",
      "Relu",
      "Flatten",
      "Int8Gemm",
      "MatMul",
    ]);
    expect((await quantizationSpace(network(), marking(), histograms({}), tools)).dynamic.layers).toEqual([]);
  },
);

it(
  "offers no layer that stays in float when its range is to be taken at run time, as " +
    "where the target has no such form",
  async () => {
    /** "Quantizes" Gemm and MatMul in place, whatever is asked for. */
    const inPlace = (): Pass => ({ ...restoring(marking([], ["relu", "flatten"])), atRunTime: inPlace });
    const restoring = (pass: Pass): Pass => ({
      ...pass,
      run: async (m, context) => {
        const result = await pass.run(m, context);
        for (const node of m.graph.nodes)
          if (node.opType !== "Int8Conv") node.opType = node.opType.replace("Int8", "");
        return result;
      },
    });
    expect((await quantizationSpace(network(), inPlace(), histograms({}), tools)).dynamic.layers).toEqual([]);
  },
);
