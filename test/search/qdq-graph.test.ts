import { expect, it } from "vitest";
import { attribute, copyModel, floatTensor, makeNode, type Model } from "../../src/ir/index.js";
import { codeGraphOf } from "../../src/search/qdq-graph.js";
import { CALL } from "../../src/search/float-cost.js";
import { islandsOf } from "../../src/search/qdq-groups.js";
import { sampleTypes } from "../../src/search/sample-types.js";
import { dataset, feed } from "../support/feed-models.js";
import { convolution, model, noise, ranges, run } from "../support/int8-models.js";
import { CHANNELS, twoParts } from "../support/two-parts.js";

async function graphOf(float: Model, types = sampleTypes(float, undefined)) {
  const int8 = copyModel(float);
  await run(int8, ranges(float, -1, 1));
  return codeGraphOf(float, await types, int8);
}

it("holds what works on codes, what it takes in float, and the tensors between", async () => {
  const { units, tensors, restTime } = await graphOf(twoParts(8));
  const values = CHANNELS * 64;
  const [dense, slow] = [CALL + values * (9 * CHANNELS + 24), CALL + values * (9 + 24)];
  const about = { isCompute: true, gathered: 9 * 64, fusedTime: 0 };
  expect(units).toEqual([
    { name: "dense1", cost: "conv", floatTime: dense, ...about },
    { name: "dense2", cost: "conv", floatTime: dense, ...about },
    { name: "slow1", cost: "depthwiseConv", floatTime: slow, ...about },
    { name: "slow2", cost: "depthwiseConv", floatTime: slow, ...about },
  ]);
  expect(new Set(tensors)).toEqual(
    new Set([
      { values, producer: undefined, readers: [0], hasFloatReaders: false },
      { values, producer: 0, readers: [1], hasFloatReaders: false },
      { values, producer: 1, readers: [], hasFloatReaders: true },
      { values, producer: undefined, readers: [2], hasFloatReaders: false },
      { values, producer: 2, readers: [3], hasFloatReaders: false },
      { values, producer: 3, readers: [], hasFloatReaders: true },
    ]),
  );
  expect(restTime).toBe(2 * (CALL + 8 * values));
  expect(islandsOf({ units, tensors, restTime }).map((island) => island.units)).toEqual([
    [0, 1],
    [2, 3],
  ]);
});

it("takes sizes that the model leaves open from the first sample", async () => {
  const float = twoParts(8, "n");
  const { tensors } = await graphOf(
    float,
    sampleTypes(float, dataset([feed([3, CHANNELS, 8, 8], new Float32Array(3 * CHANNELS * 64))])),
  );
  expect(tensors[0]?.values).toBe(3 * CHANNELS * 64);
});

it(
  "tells pooling and sums on codes from layers, and layers with ranges at run time " + "from those on codes",
  async () => {
    const float = model(
      [
        convolution("x", "a", "w1"),
        makeNode(
          "MaxPool",
          ["a"],
          ["p"],
          [attribute.ints("kernel_shape", [2, 2]), attribute.ints("strides", [2, 2])],
          "pool",
        ),
        convolution("p", "c", "w2"),
        makeNode("Add", ["c", "p"], ["sum"], [], "sum"),
        convolution("sum", "d", "w2"),
        makeNode("Sin", ["d"], ["s"], [], "sin"),
        makeNode("MatMul", ["s", "w3"], ["y"], [], "dense"),
      ],
      [
        floatTensor("w1", [16, 4, 3, 3], noise(576)),
        floatTensor("w2", [16, 16, 3, 3], noise(2304)),
        floatTensor("w3", [4, 512], noise(2048)),
      ],
    );
    const { units } = await graphOf(float);
    expect(units.map(({ name, cost, isCompute }) => [name, cost, isCompute])).toEqual([
      ["conv_a", "conv", true],
      ["pool", "mover", false],
      ["conv_c", "conv", true],
      ["sum", "requantizer", false],
      ["conv_d", "conv", true],
      ["dense", "dynamicMatMul", true],
    ]);
  },
);

it("counts an activation that int8 takes out of its convolution, and not one that codes take over", async () => {
  const behind = async (activation: string): Promise<number | undefined> => {
    const float = model(
      [
        convolution("x", "a", "w1"),
        makeNode(activation, ["a"], ["r"], [], "act"),
        convolution("r", "c", "w2"),
        makeNode("Sin", ["c"], ["y"]),
      ],
      [floatTensor("w1", [16, 16, 3, 3], noise(2304)), floatTensor("w2", [16, 16, 3, 3], noise(2304))],
      13,
      [1, 16, 8, 8],
    );
    const { units, restTime } = await graphOf(float);
    expect(restTime).toBe(CALL + 8 * 16 * 64);
    return units[0]?.fusedTime;
  };
  expect(await behind("Relu")).toBe(0);
  expect(await behind("HardSigmoid")).toBe(CALL + 8 * 16 * 64);
});
