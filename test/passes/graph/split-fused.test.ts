import { expect, it } from "vitest";
import {
  attribute,
  type Attribute,
  type Feed,
  makeNode,
  type Node,
  type Tensor,
} from "../../../src/ir/index.js";
import { splitFused } from "../../../src/passes/graph/split-fused.js";
import { Random } from "../../support/random.js";
import { normalTensor, normalFeed } from "../../support/seeded.js";
import { difference, run } from "../../support/running.js";
import { apply, tiny } from "../../support/tiny-models.js";

const { float, floats, int, ints, string } = attribute;

const MICROSOFT = { domain: "com.microsoft", version: 1n };

/**
 * Runs a fused operator of onnxruntime's before and after, without further optimizations; the operators
 * after.
 */
async function split(node: Node, feed: Feed, initializers: Tensor[]): Promise<string[]> {
  const make = () => {
    const model = tiny([{ ...structuredClone(node), domain: "com.microsoft" }], {
      feed,
      initializers: structuredClone(initializers),
      outputs: ["y"],
    });
    model.opsetImports.push(MICROSOFT);
    return model;
  };
  const before = await run(make(), feed);
  const model = make();
  await apply(splitFused(), model);
  expect(difference(before, await run(model, feed))).toBeLessThan(2e-5);
  return model.graph.nodes.map(({ domain, opType }) => (domain ? `${domain}.${opType}` : opType));
}

/** Activations that onnxruntime 1.30 to 1.32 write into FusedConv and FusedGemm, with parameters. */
const OF_BOTH: readonly [string, number[]][] = [
  ["Relu", []],
  ["Sigmoid", []],
  ["Tanh", []],
  ["LeakyRelu", [0.2]],
  ["HardSigmoid", [0.3, 0.4]],
];
const OF_GEMM: readonly [string, number[]][] = [
  ["Elu", [0.7]],
  ["Softplus", []],
  ["Softsign", []],
  ["ThresholdedRelu", [0.5]],
];

it.each([...OF_BOTH, ["Clip", [-0.5, 2]] as [string, number[]]])(
  "splits FusedConv with %s, and what it adds",
  async (name, parameters) => {
    const attributes: Attribute[] = [
      ints("pads", [1, 1, 1, 1]),
      string("activation", name),
      ...(parameters.length > 0 ? [floats("activation_params", parameters)] : []),
    ];
    const constants = [normalTensor("w", [3, 2, 3, 3], 1), normalTensor("b", [3], 2)];
    expect(
      await split(
        makeNode("FusedConv", ["x", "w", "b"], ["y"], attributes),
        { x: normalFeed([1, 2, 5, 5], 3) },
        constants,
      ),
    ).toEqual(["Conv", name]);
    const added = makeNode("FusedConv", ["x", "w", "b", "z"], ["y"], attributes);
    expect(
      await split(added, { x: normalFeed([1, 2, 5, 5], 3), z: normalFeed([1, 3, 5, 5], 4) }, constants),
    ).toEqual(["Conv", "Add", name]);
  },
);

it.each([...OF_BOTH, ...OF_GEMM])("splits FusedGemm with %s", async (name, parameters) => {
  const own = parameters.map((value, k) => float(["activation_alpha", "activation_beta"][k]!, value));
  const node = makeNode(
    "FusedGemm",
    ["x", "w", "b"],
    ["y"],
    [float("alpha", 0.5), int("transB", 1), string("activation", name), ...own],
  );
  expect(
    await split(node, { x: normalFeed([4, 5], 1) }, [
      normalTensor("w", [3, 5], 2),
      normalTensor("b", [3], 3),
    ]),
  ).toEqual(["Gemm", name]);
});

it("splits random FusedMatMul, and puts its factor into a constant that nothing else uses", async () => {
  const random = new Random(3);
  for (let round = 0; round < 30; round++) {
    const [transA, transB] = [random.chance(0.5), random.chance(0.5)];
    const batch = random.pick([[], [2], [2, 3]]);
    const [a, b] = [
      [...batch, ...(transA ? [4, 3] : [3, 4])],
      [...(random.chance(0.5) ? batch : []), ...(transB ? [5, 4] : [4, 5])],
    ];
    const alpha = random.pick([1, 0.25, -2]);
    const isConstant = random.chance(0.6);
    const node = makeNode(
      "FusedMatMul",
      ["a", "b"],
      ["y"],
      [int("transA", Number(transA)), int("transB", Number(transB)), float("alpha", alpha)],
    );
    const left = await split(
      node,
      { a: normalFeed(a, round), ...(isConstant ? {} : { b: normalFeed(b, round + 50) }) },
      isConstant ? [normalTensor("b", b, round + 50)] : [],
    );
    expect(left.filter((opType) => opType === "Transpose")).toHaveLength(Number(transA) + Number(transB));
    expect(left.filter((opType) => opType !== "Transpose")).toEqual(
      alpha === 1 || isConstant ? ["MatMul"] : ["MatMul", "Mul"],
    );
  }
});

it("leaves alone what it does not know, and products with batch axes in other places", async () => {
  const unknown = tiny(
    [
      {
        ...makeNode("FusedConv", ["x", "w"], ["y"], [string("activation", "Other")]),
        domain: "com.microsoft",
      },
    ],
    { feed: { x: normalFeed([1, 2, 5, 5], 3) }, initializers: [normalTensor("w", [3, 2, 3, 3], 1)] },
  );
  expect(
    (await splitFused().run(unknown, { statistics: undefined, evaluator: undefined, seed: 0 })).modified,
  ).toBe(false);
  const node = makeNode("FusedMatMul", ["a", "b"], ["y"], [int("transBatchA", 1)]);
  expect(await split(node, { a: normalFeed([3, 2, 4], 1), b: normalFeed([2, 4, 5], 2) }, [])).toEqual([
    "com.microsoft.FusedMatMul",
  ]);
});

it("gives what a random FusedMatMul gives, of a value with itself and with constants too", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const rank = random.within(2, 4);
    const dims = [...Array.from({ length: rank - 2 }, () => random.within(1, 2)), 3, 3];
    const operand = (): string => random.pick(["x", "z", "w"]);
    const attributes = [
      ...["transA", "transB"].filter(() => random.chance(0.5)).map((flag) => int(flag, 1)),
      ...(random.chance(0.5) ? [float("alpha", 0.5)] : []),
    ];
    // A product of constants alone is for constant folding.
    const [a, b] = random.shuffled(["x", operand()]);
    const feed = { x: normalFeed(dims, seed), z: normalFeed(dims, seed + 1) };
    const node = makeNode("FusedMatMul", [a!, b!], ["y"], attributes);
    const operators = await split(node, feed, [normalTensor("w", [3, 3], seed + 2)]);
    expect(operators, `seed ${seed}`).toContain("MatMul");
    expect(operators).not.toContain("com.microsoft.FusedMatMul");
  }
});
