import { describe, expect, it } from "vitest";
import {
  attribute,
  type Attribute,
  DataType,
  emptyGraph,
  type Feed,
  floatTensor,
  makeNode,
  type Model,
  type Node,
  tensorValue,
  type Tensor,
} from "../../../src/ir/index.js";
import { Statistics } from "../../../src/numeric/statistics.js";
import { quantizeInt8 } from "../../../src/passes/quantize/quantize-int8.js";
import { Random } from "../../support/random.js";
import { normalTensor, normalFeed } from "../../support/seeded.js";
import { run as runModel } from "../../support/running.js";
import { executedOps, sqnr } from "./running.js";
import { convolution, model as convolutional, noise, run } from "../../support/int8-models.js";

/**
 * 42 dB for 8-bit weights with guarded pairs, 40 for normal activations: 38 together, and some for small
 * sums.
 */
const LEAST_DB = 33;

function modelOf(
  node: Node,
  inputs: Readonly<Record<string, readonly (number | string)[]>>,
  initializers: Tensor[],
): Model {
  const graph = {
    ...emptyGraph("g"),
    nodes: [node],
    initializers,
    inputs: Object.entries(inputs).map(([name, dims]) => tensorValue(name, DataType.FLOAT, dims)),
    outputs: [{ name: "y" }],
  };
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    graph,
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
  };
}

/**
 * Compares int8 with onnxruntime's float run of the original, without its optimizations and with all of
 * them.
 */
async function compare(make: () => Model, feed: Feed, statistics?: Statistics): Promise<Model> {
  const before = [...((await runModel(make(), feed)).y!.data as Float32Array)];
  const model = make();
  await run(model, statistics);
  for (const level of ["disabled", "all"] as const) {
    const { y } = await runModel(model, feed, level);
    expect(sqnr(before, [...(y!.data as Float32Array)])).toBeGreaterThan(LEAST_DB);
  }
  return model;
}

const opTypes = (model: Model): string[] => model.graph.nodes.map(({ opType }) => opType);

describe("a Gemm with a constant factor", () => {
  it(
    "computes in int8 for random alpha, beta, transA and transB, constants on either " +
      "side, and biases of all forms",
    async () => {
      const random = new Random(11);
      const [M, K, N] = [33, 40, 35];
      for (let round = 0; round < 40; round++) {
        const [transA, transB, isLeft] = [random.chance(0.5), random.chance(0.5), random.chance(0.4)];
        const [a, b] = [transA ? [K, M] : [M, K], transB ? [N, K] : [K, N]];
        const biasDims = random.pick([undefined, [N], [1, N], [1], [], [M, 1], [M, N]]);
        const isComputed = biasDims !== undefined && random.chance(0.3);
        const attributes: Attribute[] = [
          attribute.int("transA", Number(transA)),
          attribute.int("transB", Number(transB)),
          attribute.float("alpha", random.pick([1, 0.5, 2.5, -1, -0.3])),
          attribute.float("beta", random.pick([1, 3, 0, -0.5])),
        ];
        const [weight, other] = isLeft ? (["a", "b"] as const) : (["b", "a"] as const);
        const dims = { a, b, c: biasDims ?? [] };
        const constants = [
          normalTensor(weight, dims[weight], round),
          ...(biasDims && !isComputed ? [normalTensor("c", biasDims, round + 100)] : []),
        ];
        const inputs = { [other]: dims[other], ...(isComputed ? { c: biasDims } : {}) };
        const feed = Object.fromEntries(
          Object.entries(inputs).map(([name, shape], k) => [name, normalFeed(shape, round + 200 + k)]),
        );
        const model = await compare(
          () =>
            modelOf(
              makeNode("Gemm", ["a", "b", ...(biasDims ? ["c"] : [])], ["y"], attributes, "gemm"),
              inputs,
              structuredClone(constants),
            ),
          feed,
        );
        expect(opTypes(model)).toContain("MatMulInteger");
        expect(opTypes(model)).not.toContain("Gemm");
      }
    },
  );

  it.each<[string, Attribute[]]>([
    ["a factor of 0", [attribute.float("alpha", 0)]],
    ["a factor that scales cannot take", [attribute.float("alpha", 1e30)]],
    ["no number", [attribute.float("alpha", NaN)]],
  ])("stays in float for %s, with the reason", async (_, attributes) => {
    const { nodes } = await run(
      modelOf(makeNode("Gemm", ["x", "w"], ["y"], attributes, "gemm"), { x: [2, 40] }, [
        normalTensor("w", [40, 40], 1),
      ]),
    );
    expect(nodes).toMatchObject([
      {
        name: "gemm",
        status: "kept",
        reason: expect.stringContaining("are too large or too small for scales to absorb") as string,
      },
    ]);
  });

  it.each([
    [0.5, 3],
    [2, 1],
    [-0.7, 2],
  ])("runs on static codes with alpha %d and beta %d", async (alpha, beta) => {
    const make = (): Model => {
      const [features, outputs] = [16 * 64, 32];
      const gemm = makeNode(
        "Gemm",
        ["f", "w2", "b2"],
        ["g"],
        [attribute.float("alpha", alpha), attribute.float("beta", beta), attribute.int("transB", 1)],
        "gemm",
      );
      return convolutional(
        [
          convolution("x", "a", "w1", "b1"),
          makeNode("Relu", ["a"], ["r"]),
          makeNode("Flatten", ["r"], ["f"]),
          gemm,
          makeNode("Softmax", ["g"], ["y"]),
        ],
        [
          floatTensor("w1", [16, 4, 3, 3], noise(576)),
          floatTensor("b1", [16], noise(16, 2)),
          floatTensor(
            "w2",
            [outputs, features],
            noise(features * outputs, 3).map((v) => v / 40),
          ),
          floatTensor("b2", [outputs], noise(outputs, 4)),
        ],
      );
    };
    const shown = (): Model => {
      const model = make();
      model.graph.nodes.pop();
      model.graph.nodes.push(makeNode("Identity", ["g"], ["y"]));
      return model;
    };
    const feed: Feed = { x: { dataType: DataType.FLOAT, dims: [1, 4, 8, 8], data: noise(256, 9) } };
    // What is measured: x fills [-1, 1), and sums of 36 products of such numbers stay within 12.
    const statistics = new Statistics();
    for (const request of quantizeInt8().statistics(shown()))
      statistics.set(request, {
        min: (request as { tensor: string }).tensor === "x" ? -1 : 0,
        max: (request as { tensor: string }).tensor === "x" ? 1 : 8,
        counts: new Float64Array(2048).fill(1),
        count: 2048,
      });
    const before = [...((await runModel(shown(), feed)).y!.data as Float32Array)];
    const model = shown();
    const { nodes } = await run(model, statistics);
    expect(nodes.find(({ name }) => name === "gemm")).toMatchObject({
      status: "changed",
      reason: expect.stringContaining("static int8") as string,
    });
    // Ranges here are wider than they need be, which costs some dB.
    expect(sqnr(before, [...((await runModel(model, feed, "all")).y!.data as Float32Array)])).toBeGreaterThan(
      26,
    );
    expect((await executedOps(model)).filter((opType) => opType === "QGemm" || opType === "Gemm")).toEqual([
      "QGemm",
    ]);
  });
});

describe("a MatMul with a constant factor", () => {
  it("computes in int8 for constants of 2 to 4 axes on either side", async () => {
    const random = new Random(12);
    for (let round = 0; round < 40; round++) {
      const [M, K, N] = [33, 34, 35];
      const batch = [random.pick([1, 2]), random.pick([1, 3])];
      const batchOf = (): number[] =>
        batch.slice(random.below(3)).map((dim) => (random.chance(0.2) ? 1 : dim));
      const dims = { a: [...batchOf(), M, K], b: [...batchOf(), K, N] };
      const [weight, other] = random.chance(0.5) ? (["a", "b"] as const) : (["b", "a"] as const);
      const model = await compare(
        () =>
          modelOf(makeNode("MatMul", ["a", "b"], ["y"], [], "product"), { [other]: dims[other] }, [
            normalTensor(weight, dims[weight], round),
          ]),
        { [other]: normalFeed(dims[other], round + 300) },
      );
      expect(opTypes(model)).toContain("MatMulInteger");
      expect(opTypes(model)).not.toContain("MatMul");
      if (round % 10 === 0) expect(await executedOps(model)).toContain("DynamicQuantizeMatMul");
    }
  });

  it.each<[string, () => Model, string]>([
    [
      "a vector on the right of a constant",
      () =>
        modelOf(makeNode("MatMul", ["w", "x"], ["y"], [], "product"), { x: [40] }, [
          normalTensor("w", [40, 40], 1),
        ]),
      "its weight is the left factor, and the right one is a vector",
    ],
    [
      "a constant vector",
      () =>
        modelOf(makeNode("MatMul", ["x", "w"], ["y"], [], "product"), { x: [2, 2000] }, [
          normalTensor("w", [2000], 1),
        ]),
      "its weight is not a matrix",
    ],
    [
      "two computed factors",
      () => modelOf(makeNode("MatMul", ["x", "z"], ["y"], [], "product"), { x: [2, 40], z: [40, 2] }, []),
      "both operands are computed",
    ],
    [
      "a default that callers may override",
      () =>
        modelOf(makeNode("MatMul", ["x", "w"], ["y"], [], "product"), { x: [2, 40], w: [40, 40] }, [
          normalTensor("w", [40, 40], 1),
        ]),
      "its weight is the default of a graph input, which callers may override",
    ],
  ])("stays in float for %s, with the reason", async (_, make, reason) => {
    expect((await run(make())).nodes).toMatchObject([{ name: "product", status: "kept", reason }]);
  });

  it("stays in float on the left of a value of unknown rank", async () => {
    const model = modelOf(makeNode("MatMul", ["w", "x"], ["y"], [], "product"), {}, [
      normalTensor("w", [40, 40], 1),
    ]);
    model.graph.inputs.push({ name: "x", type: { tensor: { elementType: DataType.FLOAT } } });
    expect((await run(model)).nodes).toMatchObject([
      { status: "kept", reason: "its weight is the left factor, and the rank of the right one is not known" },
    ]);
  });

  it("gives one scale to a batch of matrices where one scale for each weight is asked for", async () => {
    const model = modelOf(makeNode("MatMul", ["x", "w"], ["y"], [], "product"), { x: [3, 5, 40] }, [
      normalTensor("w", [3, 40, 40], 1),
    ]);
    await run(model, undefined, { perChannel: false });
    expect(
      model.graph.initializers.filter(({ dataType }) => dataType === DataType.FLOAT).map(({ dims }) => dims),
    ).toContainEqual([]);
    const feed = { x: normalFeed([3, 5, 40], 2) };
    const before = [
      ...((
        await runModel(
          modelOf(makeNode("MatMul", ["x", "w"], ["y"]), { x: [3, 5, 40] }, [
            normalTensor("w", [3, 40, 40], 1),
          ]),
          feed,
        )
      ).y!.data as Float32Array),
    ];
    expect(sqnr(before, [...((await runModel(model, feed)).y!.data as Float32Array)])).toBeGreaterThan(
      LEAST_DB,
    );
  });
});
