import { describe, expect, it } from "vitest";
import type { Progress } from "../../src/diagnostics.js";
import {
  DataType,
  floatTensor,
  integerTensor,
  makeNode,
  tensorValue,
  attribute,
  int64Tensor,
} from "../../src/ir/index.js";
import type { GramRequest, RowLayout, StatisticRequest } from "../../src/numeric/statistics.js";
import { normalArray } from "../support/seeded.js";
import { dataset, feed, model } from "../support/feed-models.js";
import { calibrateInOneProcess } from "../support/calibrating.js";

const calibrate = calibrateInOneProcess();

/** b = relu(2 x), of any length. */
const doubled = () =>
  model(
    ["n"],
    [makeNode("Mul", ["x", "two"], ["a"]), makeNode("Relu", ["a"], ["b"])],
    [floatTensor("two", [], Float32Array.of(2))],
  );

const range = (tensor: string): StatisticRequest => ({ kind: "range", tensor });
const histogram = (tensor: string, bins = 4): StatisticRequest => ({ kind: "histogram", tensor, bins });

describe("calibrate", () => {
  it("measures inputs, inner tensors, outputs and constants over samples of different lengths", async () => {
    const requests = [
      range("x"),
      range("a"),
      histogram("b"),
      range("b"),
      range("two"),
      { kind: "moments", tensor: "a", axis: 0 } as const,
    ];
    const statistics = await calibrate({
      model: doubled(),
      dataset: dataset([feed([3], [-1, 0, 4]), feed([2], [1, 2])]),
      requests,
    });
    expect(requests.slice(0, 5).map((request) => statistics.get(request))).toEqual([
      { min: -1, max: 4, count: 5 },
      { min: -2, max: 8, count: 5 },
      { min: 0, max: 8, count: 5, counts: Float64Array.of(2, 1, 1, 1) },
      { min: 0, max: 8, count: 5 },
      { min: 2, max: 2, count: 1 },
    ]);
  });

  it("measures ranges of channels, also for axes counted from the end", async () => {
    const requests = [
      { kind: "channelRange", tensor: "x", axis: 1 },
      { kind: "channelRange", tensor: "y", axis: -1 },
    ] as const;
    const pairs = dataset([feed([2, 2], [1, -5, 3, 4]), feed([1, 2], [-Infinity, 9])]);
    const statistics = await calibrate({
      model: model(["n", 2], [makeNode("Neg", ["x"], ["y"])]),
      dataset: pairs,
      requests,
    });
    expect(requests.map((request) => statistics.get(request))).toEqual([
      { min: Float64Array.of(1, -5), max: Float64Array.of(3, 9) },
      { min: Float64Array.of(-3, -9), max: Float64Array.of(-1, 5) },
    ]);
  });

  it("does not change the model and reports progress", async () => {
    const original = doubled();
    const seen: Progress[] = [];
    await calibrate({
      model: original,
      dataset: dataset([feed([1], [1]), feed([1], [2])]),
      requests: [range("a")],
      logger: { progress: (progress) => seen.push(progress) },
    });
    expect(original).toEqual(doubled());
    expect(seen).toEqual([
      { step: "calibrate", done: 0 },
      ...[0, 1, 2].map((done) => ({ step: "calibrate", done, total: 2 })),
    ]);
  });

  it("gives the same results in several rounds as in one", async () => {
    const data = dataset([feed([3], [-1, 0, 4]), feed([2], [1, 2])]);
    const requests = [range("x"), range("a"), histogram("b")];
    const one = await calibrate({ model: doubled(), dataset: data, requests });
    const many = await calibrate({ model: doubled(), dataset: data, requests, activationBytes: 1 });
    expect(requests.map((request) => many.get(request))).toEqual(requests.map((request) => one.get(request)));
  });

  it("gives the same results with and without threads", async () => {
    const wide = dataset([1, 2, 3].map((seed) => feed([300_000], normalArray(300_000, seed))));
    const requests = [
      range("x"),
      histogram("a", 2048),
      histogram("b", 2048),
      { kind: "moments", tensor: "a", axis: 0 } as const,
      { kind: "channelRange", tensor: "a", axis: 0 } as const,
    ];
    const measured = { model: doubled(), dataset: wide, requests };
    const threaded = await calibrate({ ...measured, threads: 2 });
    const plain = await calibrate({ ...measured, threads: 1 });
    expect(requests.map((request) => threaded.get(request))).toEqual(
      requests.map((request) => plain.get(request)),
    );
    expect(threaded.size).toBe(5);
  });

  // The setting that keeps int8 kernels exact on every x64 processor rewrites such weights at load, and
  // fails over it.
  it("measures a quantized model whose layers share int8 weights", async () => {
    const scalar = (name: string, value: number) => floatTensor(name, [], Float32Array.of(value));
    const zero = (name: string) => integerTensor(name, [], DataType.UINT8, Uint8Array.of(128));
    const layer = (input: string, output: string) => [
      makeNode("QuantizeLinear", [input, "s", "z"], [`${output}q`]),
      makeNode("DequantizeLinear", [`${output}q`, "s", "z"], [`${output}d`]),
      makeNode("DequantizeLinear", ["w", "s", "wz"], [`${output}w`]),
      makeNode("MatMul", [`${output}d`, `${output}w`], [output]),
    ];
    const shared = model(
      [1, 2],
      [
        ...layer("x", "a"),
        ...layer("a", "b"),
        makeNode("QuantizeLinear", ["b", "s", "z"], ["bq"]),
        makeNode("DequantizeLinear", ["bq", "s", "z"], ["y"]),
      ],
      [
        scalar("s", 0.5),
        zero("z"),
        integerTensor("w", [2, 2], DataType.INT8, Int8Array.of(2, 0, 0, 100)),
        integerTensor("wz", [], DataType.INT8, Int8Array.of(0)),
      ],
    );
    const statistics = await calibrate({
      model: shared,
      dataset: dataset([feed([1, 2], [1, -2])]),
      requests: [range("a"), range("b")],
    });
    expect([statistics.get(range("a")), statistics.get(range("b"))]).toEqual([
      { min: -100, max: 1, count: 2 },
      { min: -3200, max: 1, count: 2 },
    ]);
  });

  it("has no result for a tensor whose name JavaScript loses", async () => {
    const odd = model(
      ["n"],
      [makeNode("Relu", ["x"], ["__proto__"]), makeNode("Relu", ["__proto__"], ["y"])],
    );
    const statistics = await calibrate({
      model: odd,
      dataset: dataset([feed([1], [1])]),
      requests: ["__proto__", "y"].map(range),
    });
    expect(["__proto__", "y"].map((name) => statistics.get(range(name)))).toEqual([
      undefined,
      { min: 1, max: 1, count: 1 },
    ]);
  });

  it("has no result for tensors that are missing or not floating point", async () => {
    const shape = model(
      ["n"],
      [makeNode("Shape", ["x"], ["s"]), makeNode("Identity", ["x"], ["y"])],
      [int64Tensor("i", [1])],
    );
    const requests = ["s", "i", "nowhere", "y"].map(range);
    const statistics = await calibrate({ model: shape, dataset: dataset([feed([2], [1, 2])]), requests });
    expect([statistics.size, statistics.get(range("y"))]).toEqual([1, { min: 1, max: 2, count: 2 }]);
  });

  it("measures float16 tensors", async () => {
    const cast = (from: string, to: string, type: number) =>
      makeNode("Cast", [from], [to], [attribute.int("to", type)]);
    const half = model(["n"], [cast("x", "h", DataType.FLOAT16), cast("h", "y", DataType.FLOAT)]);
    const statistics = await calibrate({
      model: half,
      dataset: dataset([feed([2], [-0.5, 3])]),
      requests: [range("h")],
    });
    expect(statistics.get(range("h"))).toEqual({ min: -0.5, max: 3, count: 2 });
  });

  it.each([1, 300_000])("names the tensor and the sample that hold NaN (%i values)", async (size) => {
    const log = model(["n"], [makeNode("Log", ["x"], ["y"])]);
    const feeds = [1, -1, 1].map((value) => feed([size], new Float32Array(size).fill(value)));
    await expect(
      calibrate({ model: log, dataset: dataset(feeds), requests: [range("x"), range("y")], threads: 2 }),
    ).rejects.toThrow(/test data: sample 1: tensor "y" holds NaN when the model runs on it/);
    await expect(
      calibrate({
        model: log,
        dataset: dataset(feeds),
        requests: [{ kind: "channelRange", tensor: "y", axis: 0 }],
        threads: 2,
      }),
    ).rejects.toThrow(/test data: sample 1: tensor "y" holds NaN/);
  });

  it("passes on errors of the model", async () => {
    const product = model(
      [1, 2],
      [makeNode("MatMul", ["x", "w"], ["y"])],
      [floatTensor("w", [3, 1], new Float32Array(3))],
    );
    await expect(
      calibrate({ model: product, dataset: dataset([feed([1, 2], [1, 2])]), requests: [range("y")] }),
    ).rejects.toMatchObject({ code: "MODEL_REJECTED" });
  });

  it("needs at least one sample", async () => {
    await expect(
      calibrate({ model: doubled(), dataset: dataset([]), requests: [range("a")] }),
    ).rejects.toThrow(/holds no samples/);
  });
});

describe("Gram matrices", () => {
  const linear = (name: string, maxRows?: number): GramRequest => ({
    kind: "gram",
    tensor: name,
    layout: { type: "lastAxis" },
    ...(maxRows === undefined ? {} : { maxRows }),
  });

  it("are mean second moments of rows along the last axis", async () => {
    const statistics = await calibrate({
      model: model(["n", 2], [makeNode("Neg", ["x"], ["y"])]),
      dataset: dataset([feed([2, 2], [1, 2, 3, 4]), feed([1, 2], [5, 6])], false),
      requests: [linear("y")],
    });
    // -[[1, 2], [3, 4], [5, 6]]
    expect(statistics.get(linear("y"))).toEqual({
      size: 2,
      rows: 3,
      matrices: [Float64Array.from([35, 44, 44, 56], (v) => v / 3)],
      means: [Float64Array.of(-3, -4)],
    });
  });

  it("agree with the definition through the matrix engine, on padded and grouped windows", async () => {
    const layout: RowLayout = {
      type: "convolution",
      kernel: [3, 3],
      strides: [1, 2],
      dilations: [1, 1],
      pads: [1, 0, 1, 1],
      groups: 2,
    };
    const request: GramRequest = { kind: "gram", tensor: "y", layout };
    const values = normalArray(12 * 6 * 5, 4);
    const identity = model([1, 12, 6, 5], [makeNode("Identity", ["x"], ["y"])]);
    const statistics = await calibrate({
      model: identity,
      dataset: dataset([feed([1, 12, 6, 5], values)]),
      requests: [request],
    });
    const gram = statistics.get(request);
    expect([gram?.size, gram?.rows, gram?.matrices.length]).toEqual([54, 12, 2]);
    // G[(c, k), (c', k')] of group 1, from the definition, at one pair of features.
    const at = (c: number, row: number, column: number): number =>
      row < 0 || row >= 6 || column >= 5 ? 0 : values[(c * 6 + row) * 5 + column]!;
    let expected = 0;
    for (let row = 0; row < 6; row++)
      for (let column = 0; column < 2; column++)
        expected += at(7, row - 1, column * 2 + 2) * at(11, row + 1, column * 2);
    expect(gram?.matrices[1]?.[(1 * 9 + 2) * 54 + (5 * 9 + 6)]).toBeCloseTo(expected / 12, 5);
  });

  it("use no more rows than requested, from all samples", async () => {
    const feeds = [1, 2, 3, 4].map((value) => feed([100, 1], new Float32Array(100).fill(value)));
    const statistics = await calibrate({
      model: model(["n", 1], [makeNode("Identity", ["x"], ["y"])]),
      dataset: dataset(feeds),
      requests: [linear("y", 8)],
    });
    expect(statistics.get(linear("y", 8))).toEqual({
      size: 1,
      rows: 8,
      matrices: [Float64Array.of(7.5)],
      means: [Float64Array.of(2.5)],
    });
  });

  it("are left out with a warning when they exceed the limit", async () => {
    const seen: string[] = [];
    const statistics = await calibrate({
      model: model(["n", 2], [makeNode("Neg", ["x"], ["y"])]),
      dataset: dataset([feed([1, 2], [1, 2])]),
      requests: [linear("y")],
      gramBytes: 31,
      logger: { diagnostic: ({ id, subject }) => seen.push(`${id} ${subject}`) },
    });
    expect([statistics.size, seen]).toEqual([0, ["calibration-gram-too-large y"]]);
  });
});

it("measures only floating-point tensors of a model with integer inputs", async () => {
  const gather = model(
    ["n"],
    [makeNode("Gather", ["table", "x"], ["y"], [])],
    [floatTensor("table", [3], Float32Array.of(1, 5, 9))],
  );
  gather.graph.inputs = [tensorValue("x", DataType.INT64, ["n"])];
  const ids = { x: { dataType: DataType.INT64, dims: [2], data: BigInt64Array.of(0n, 2n) } };
  const statistics = await calibrate({
    model: gather,
    dataset: dataset([ids]),
    requests: [range("x"), range("y")],
  });
  expect([statistics.get(range("x")), statistics.get(range("y"))]).toEqual([
    undefined,
    { min: 1, max: 9, count: 2 },
  ]);
});
