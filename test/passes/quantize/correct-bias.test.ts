import { describe, expect, it } from "vitest";
import { joined, take } from "../../../src/data/index.js";
import {
  attribute,
  copyModel,
  DataType,
  floatTensor,
  int64Tensor,
  integerTensor,
  makeNode,
  tensorValue,
  toNumbers,
  type Dimension,
  type Feed,
  type Model,
  type Node,
  type Tensor,
} from "../../../src/ir/index.js";
import { assertValid } from "../../../src/ir/validate.js";
import { encodeModelBytes } from "../../../src/onnx/index.js";
import type { Measure, PassResult } from "../../../src/passes/contract.js";
import { correctBias, type CorrectBiasOptions } from "../../../src/passes/quantize/correct-bias.js";
import { loadRuntime } from "../../../src/runtime/index.js";
import { dataset, feed, model } from "../../support/feed-models.js";
import { normalArray, normalTensor } from "../../support/seeded.js";
import { calibrateInOneProcess } from "../../support/calibrating.js";

const calibrate = calibrateInOneProcess();

const sizeOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
/** Samples whose values have a mean, without which changed weights would shift nothing. */
const samples = (dims: readonly number[], count = 6): Feed[] =>
  Array.from({ length: count }, (_, k) =>
    feed(
      dims,
      normalArray(sizeOf(dims), 50 + k).map((v) => v + 0.5),
    ),
  );

const measureOn =
  (feeds: readonly Feed[]): Measure =>
  (m, requests, { samples: most, asBatch = false }) =>
    calibrate({
      model: m,
      requests,
      threads: 1,
      dataset: asBatch
        ? joined(dataset(feeds), { samples: most, bytes: 2 ** 24 })
        : take(dataset(feeds), most),
    });

/** The weights named "w…" moved: by noise and by a part that all of them share. */
function damaged(original: Model): Model {
  const copy = copyModel(original);
  copy.graph.initializers = copy.graph.initializers.map((tensor, k) => {
    if (tensor.dataType !== DataType.FLOAT || !tensor.name?.startsWith("w")) return tensor;
    const noise = normalArray(sizeOf(tensor.dims), 900 + k);
    return floatTensor(
      tensor.name,
      tensor.dims,
      Float32Array.from(toNumbers(tensor), (v, i) => v + 0.1 * noise[i]! + 0.05),
    );
  });
  return copy;
}

async function corrected(
  m: Model,
  reference: Model,
  feeds: readonly Feed[],
  options: Partial<CorrectBiasOptions> = {},
): Promise<PassResult> {
  const result = await correctBias(options).run(m, {
    statistics: undefined,
    evaluator: undefined,
    seed: 0,
    reference,
    measure: measureOn(feeds),
  });
  assertValid(m, "corrected");
  return result;
}

/** Means of a value over all samples, for each index of `axis`, as onnxruntime computes the value. */
async function means(m: Model, name: string, axis: number, feeds: readonly Feed[]): Promise<number[]> {
  const shown = copyModel(m);
  shown.graph.outputs = [tensorValue(name, DataType.FLOAT)];
  const session = await (await loadRuntime()).open(encodeModelBytes(shown));
  const sums: number[] = [];
  let count = 0;
  for (const one of feeds) {
    const { dims, data } = (await session.run(one))[name]!;
    const at = axis < 0 ? axis + dims.length : axis;
    const inner = sizeOf(dims.slice(at + 1));
    (data as Float32Array).forEach((value, i) => {
      const channel = Math.floor(i / inner) % dims[at]!;
      sums[channel] = (sums[channel] ?? 0) + value;
    });
    count += sizeOf(dims) / dims[at]!;
  }
  await session.release();
  return sums.map((sum) => sum / count);
}

interface Network {
  readonly dims: readonly number[];
  readonly nodes: Node[];
  readonly constants: Tensor[];
  readonly sites: readonly string[];
  readonly axis: number;
}

const NETWORKS: Readonly<Record<string, Network>> = {
  "convolutions with and without a bias": {
    dims: [1, 3, 6, 6],
    axis: 1,
    sites: ["a", "y"],
    nodes: [
      makeNode("Conv", ["x", "w1", "b1"], ["a"]),
      makeNode("Relu", ["a"], ["r"]),
      makeNode("Conv", ["r", "w2"], ["y"]),
    ],
    constants: [
      normalTensor("w1", [4, 3, 3, 3], 1),
      normalTensor("b1", [4], 2),
      normalTensor("w2", [5, 4, 3, 3], 3),
    ],
  },
  "Gemm with and without a bias": {
    dims: [1, 5],
    axis: -1,
    sites: ["a", "y"],
    nodes: [
      makeNode("Gemm", ["x", "w1", "b1"], ["a"], [attribute.int("transB", 1)]),
      makeNode("Relu", ["a"], ["r"]),
      makeNode("Gemm", ["r", "w2"], ["y"]),
    ],
    constants: [normalTensor("w1", [4, 5], 4), normalTensor("b1", [4], 5), normalTensor("w2", [4, 3], 6)],
  },
  "the Add behind a MatMul of rank 3": {
    dims: [1, 4, 5],
    axis: -1,
    sites: ["a", "y"],
    nodes: [
      makeNode("MatMul", ["x", "w1"], ["p"]),
      makeNode("Add", ["b1", "p"], ["a"]),
      makeNode("Relu", ["a"], ["r"]),
      makeNode("MatMul", ["r", "w2"], ["q"]),
      makeNode("Add", ["q", "b2"], ["y"]),
    ],
    constants: [
      normalTensor("w1", [5, 6], 7),
      normalTensor("b1", [6], 8),
      normalTensor("w2", [6, 3], 9),
      normalTensor("b2", [3], 10),
    ],
  },
};

const built = ({ dims, nodes, constants }: Network, batch?: Dimension): Model =>
  model([batch ?? dims[0]!, ...dims.slice(1)], structuredClone(nodes), constants);

async function expectSameMeans(
  m: Model,
  reference: Model,
  { sites, axis }: Network,
  feeds: readonly Feed[],
): Promise<void> {
  for (const site of sites) {
    const [actual, expected] = [await means(m, site, axis, feeds), await means(reference, site, axis, feeds)];
    expected.forEach((value, c) => expect(actual[c], `${site}, channel ${c}`).toBeCloseTo(value, 5));
  }
}

describe.each(Object.entries(NETWORKS))("%s", (_, network) => {
  const feeds = samples(network.dims);

  it.each<[string, Dimension | undefined]>([
    ["takes a batch", "n"],
    ["takes one sample", undefined],
  ])("gives the means of the original where the model %s", async (__, batch) => {
    const reference = built(network, batch);
    const m = damaged(reference);
    const off = (await means(m, "y", network.axis, feeds)).map((value, c) => [value, c] as const);
    const wanted = await means(reference, "y", network.axis, feeds);
    expect(Math.max(...off.map(([value, c]) => Math.abs(value - wanted[c]!)))).toBeGreaterThan(0.1);
    const { modified, stats, nodes } = await corrected(m, reference, feeds);
    expect([modified, stats.correctedLayers, nodes.map(({ status }) => status)]).toEqual([
      true,
      2,
      ["changed", "changed"],
    ]);
    await expectSameMeans(m, reference, network, feeds);
  });
});

const CONVOLUTIONS = NETWORKS["convolutions with and without a bias"]!;
const FEEDS = samples(CONVOLUTIONS.dims);

it("measures sample by sample where the model does not run on the batch that its inputs declare", async () => {
  const network: Network = {
    ...CONVOLUTIONS,
    nodes: [
      makeNode("Reshape", ["x", "fixed"], ["x1"]),
      ...CONVOLUTIONS.nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map((name) => (name === "x" ? "x1" : name)),
      })),
    ],
    constants: [...CONVOLUTIONS.constants, int64Tensor("fixed", [1, 3, 6, 6])],
  };
  const reference = built(network, "n");
  const m = damaged(reference);
  expect((await corrected(m, reference, FEEDS)).stats.correctedLayers).toBe(2);
  await expectSameMeans(m, reference, network, FEEDS);
});

it("corrects the last depths of a model that is deeper than the measurements allow", async () => {
  const reference = built(CONVOLUTIONS);
  const m = damaged(reference);
  const { nodes } = await corrected(m, reference, FEEDS, { rounds: 1 });
  expect(nodes.map(({ status, reason }) => `${status}: ${reason}`)).toEqual([
    "kept: its means have not shifted",
    "changed: its bias compensates the shift of its means",
  ]);
  await expectSameMeans(m, reference, { ...CONVOLUTIONS, sites: ["y"] }, FEEDS);
});

it("goes by no more samples than asked for", async () => {
  const reference = built(CONVOLUTIONS, "n");
  const m = damaged(reference);
  await corrected(m, reference, FEEDS, { samples: 2 });
  await expectSameMeans(m, reference, CONVOLUTIONS, FEEDS.slice(0, 2));
});

it("changes nothing where nothing has shifted", async () => {
  const m = built(CONVOLUTIONS);
  const bytes = encodeModelBytes(m);
  expect((await corrected(m, built(CONVOLUTIONS), FEEDS)).modified).toBe(false);
  expect(encodeModelBytes(m)).toEqual(bytes);
});

it("leaves a layer whose output the original had under another name", async () => {
  const reference = built(CONVOLUTIONS);
  const m = damaged(reference);
  m.graph.nodes[0]!.outputs = ["renamed"];
  m.graph.nodes[1]!.inputs = ["renamed"];
  expect((await corrected(m, reference, FEEDS)).nodes).toHaveLength(1);
});

it("does nothing without data or a model before lossy passes", async () => {
  const m = damaged(built(CONVOLUTIONS));
  const context = { statistics: undefined, evaluator: undefined, seed: 0 };
  expect((await correctBias().run(m, { ...context, reference: built(CONVOLUTIONS) })).modified).toBe(false);
  expect((await correctBias().run(m, { ...context, measure: measureOn(FEEDS) })).modified).toBe(false);
});

it.each([
  ["rounds", 0],
  ["samples", 1.5],
])("refuses %s of %d", (name, value) => {
  expect(() => correctBias({ [name]: value })).toThrow(`${name} must be a positive integer, not ${value}`);
});

describe("a layer that computes in int8", () => {
  const SCALE = 2 ** -5;
  const quantized = (bias: boolean): Model =>
    model(
      ["n", 3, 6, 6],
      [
        makeNode("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
        makeNode("DequantizeLinear", ["xq", "xs", "xz"], ["xd"]),
        makeNode("DequantizeLinear", ["wq", "ws"], ["wd"]),
        ...(bias ? [makeNode("DequantizeLinear", ["bq", "bs"], ["bd"])] : []),
        makeNode("Conv", ["xd", "wd", ...(bias ? ["bd"] : [])], ["y"]),
      ],
      [
        floatTensor("xs", [], Float32Array.of(SCALE)),
        integerTensor("xz", [], DataType.UINT8, Uint8Array.of(128)),
        integerTensor(
          "wq",
          [4, 3, 3, 3],
          DataType.INT8,
          Int8Array.from(normalArray(108, 20), (v) => Math.round(20 * v)),
        ),
        floatTensor("ws", [], Float32Array.of(SCALE)),
        integerTensor("bq", [4], DataType.INT32, Int32Array.of(7, -9, 30, 0)),
        floatTensor("bs", [], Float32Array.of(SCALE * SCALE)),
      ].filter(({ name }) => bias || !name?.startsWith("b")),
    );
  const reference = (): Model =>
    model(
      ["n", 3, 6, 6],
      [makeNode("Conv", ["x", "w", "b"], ["y"])],
      [normalTensor("w", [4, 3, 3, 3], 21), normalTensor("b", [4], 22)],
    );

  it.each([[true], [false]])(
    "has its means within half a step of the bias's codes (bias: %s)",
    async (bias) => {
      const m = quantized(bias);
      expect((await corrected(m, reference(), FEEDS)).modified).toBe(true);
      const [actual, expected] = [await means(m, "y", 1, FEEDS), await means(reference(), "y", 1, FEEDS)];
      const step = SCALE * SCALE;
      expect(Math.max(...expected.map((value, c) => Math.abs(value - actual[c]!)))).toBeLessThan(
        step / 2 + 1e-5,
      );
      expect(m.graph.nodes.find(({ opType }) => opType === "Conv")?.inputs).toHaveLength(3);
    },
  );
});
