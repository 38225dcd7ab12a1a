import { describe, expect, it } from "vitest";
import * as ort from "onnxruntime-node";
import {
  attribute,
  contentKey,
  DataType,
  emptyGraph,
  floatTensor,
  floatToHalf,
  integerTensor,
  makeNode,
  tensorValue,
} from "../../../src/ir/index.js";
import type { Graph, Model, Node, Tensor } from "../../../src/ir/index.js";
import { encodeWeights } from "../../../src/passes/encode/encode-weights.js";
import { quantizeToInt8 } from "../../../src/passes/encode/int8-channels.js";
import { storeInt8 } from "../../../src/passes/encode/store-int8.js";
import { weightAxes } from "../../../src/layers/weight-axes.js";
import { CONTEXT, execute, prunedValues, seeded, tinyModel } from "./tiny-models.js";

function noise(dims: readonly number[], seed = 3): ort.Tensor {
  const random = seeded(seed);
  return new ort.Tensor(
    "float32",
    Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random() - 0.5),
    dims,
  );
}

function model(
  opset: number,
  input: number[],
  output: number[],
  node: Node,
  ...initializers: Tensor[]
): Model {
  return tinyModel(opset, {
    inputs: [tensorValue("x", DataType.FLOAT, input)],
    outputs: [tensorValue("y", DataType.FLOAT, output)],
    nodes: [node],
    initializers,
  });
}

const weight = (name: string, ...dims: number[]): Tensor =>
  floatTensor(name, dims, noise(dims, 11).data as Float32Array);

/** Signal to noise in dB of `actual` against `expected`. */
function sqnr(expected: ort.Tensor | undefined, actual: ort.Tensor | undefined): number {
  const [a, b] = [expected?.data as Float32Array, actual?.data as Float32Array];
  const signal = a.reduce((sum, value) => sum + value ** 2, 0);
  return 10 * Math.log10(signal / a.reduce((sum, value, i) => sum + (value - (b[i] ?? 0)) ** 2, 0));
}

const CASES: [string, number, () => Model, number[]][] = [
  [
    "Conv",
    9,
    () =>
      model(9, [1, 16, 8, 8], [1, 32, 6, 6], makeNode("Conv", ["x", "w"], ["y"]), weight("w", 32, 16, 3, 3)),
    [32, 1, 1, 1],
  ],
  [
    "ConvTranspose",
    11,
    () =>
      model(
        11,
        [1, 16, 4, 4],
        [1, 32, 5, 5],
        makeNode("ConvTranspose", ["x", "w"], ["y"]),
        weight("w", 16, 32, 2, 2),
      ),
    [1, 32, 1, 1],
  ],
  [
    "MatMul",
    13,
    () => model(13, [4, 48], [4, 24], makeNode("MatMul", ["x", "w"], ["y"]), weight("w", 48, 24)),
    [1, 24],
  ],
  [
    "Gemm",
    17,
    () =>
      model(
        17,
        [4, 48],
        [4, 24],
        makeNode("Gemm", ["x", "w"], ["y"], [attribute.int("transB", 1)]),
        weight("w", 24, 48),
      ),
    [24, 1],
  ],
];

/** y = x · W, where both are of the given half precision. */
function halfModel(type: DataType): Model {
  const values = noise([64, 48], 11).data as Float32Array;
  const raw =
    type === DataType.FLOAT16
      ? Uint16Array.from(values, floatToHalf)
      : Uint16Array.from(new Uint32Array(values.slice().buffer), (bits) => bits >>> 16);
  return tinyModel(17, {
    inputs: [tensorValue("x", DataType.FLOAT, [4, 64])],
    outputs: [tensorValue("y", DataType.FLOAT, [4, 48])],
    initializers: [integerTensor("w", [64, 48], type, raw)],
    nodes: [
      makeNode("Cast", ["x"], ["h"], [attribute.int("to", type)]),
      makeNode("MatMul", ["h", "w"], ["p"]),
      makeNode("Cast", ["p"], ["y"], [attribute.int("to", DataType.FLOAT)]),
    ],
  });
}

describe("store-int8 on half precision", () => {
  it.each([
    ["float16", DataType.FLOAT16],
    ["bfloat16", DataType.BFLOAT16],
  ])("stores %s weights in int8 and hands them on in their own type", async (_, type) => {
    const stored = halfModel(type);
    const { stats, nodes } = await storeInt8().run(stored, CONTEXT);
    expect([stats.storedTensors, nodes[0]?.status]).toEqual([1, "changed"]);
    expect(
      stored.graph.nodes.slice(0, 3).map(({ opType, attributes }) => [opType, Number(attributes[0]?.i ?? 0)]),
    ).toEqual([
      ["Cast", DataType.FLOAT],
      ["Mul", 0],
      ["Cast", type],
    ]);
  });

  it("costs float16 no node at load and no more than the rounding", async () => {
    const stored = halfModel(DataType.FLOAT16);
    await storeInt8().run(stored, CONTEXT);
    const feeds = { x: noise([4, 64]) };
    const [before, after] = [
      await execute(halfModel(DataType.FLOAT16), "all", feeds),
      await execute(stored, "all", feeds),
    ];
    expect(after.operators).toEqual(before.operators);
    expect(sqnr(before.outputs.y, after.outputs.y)).toBeGreaterThan(38);
  });

  it("gives the reason where int8 would not be smaller, with the bytes of both", async () => {
    // 512 rows of two values: a scale of four bytes for each row, and a byte for each value, beside two
    // bytes.
    const model = tinyModel(17, {
      inputs: [tensorValue("x", DataType.FLOAT16, [4, 2])],
      outputs: [tensorValue("y", DataType.FLOAT16, [4, 512])],
      initializers: [
        integerTensor(
          "w",
          [2, 512],
          DataType.FLOAT16,
          Uint16Array.from({ length: 1024 }, (_, k) => floatToHalf(k / 7)),
        ),
      ],
      nodes: [makeNode("MatMul", ["x", "w"], ["y"])],
    });
    const { modified, nodes } = await storeInt8().run(model, CONTEXT);
    expect(modified).toBe(false);
    expect(nodes[0]?.reason).toMatch(
      /^int8 with scales would take 3\d\d\d bytes; the float form takes 20\d\d$/,
    );
  });

  it("leaves what the file held in fewer bytes already", async () => {
    const dense = weight("w", 48, 24);
    const model = tinyModel(17, {
      inputs: [tensorValue("x", DataType.FLOAT, [4, 48])],
      outputs: [tensorValue("y", DataType.FLOAT, [4, 24])],
      initializers: [dense],
      nodes: [makeNode("MatMul", ["x", "w"], ["y"])],
    });
    model.storedForms = [
      {
        name: "w",
        key: contentKey(dense),
        opset: 17,
        nodes: [makeNode("Gather", ["book", "q"], ["w"])],
        constants: new Map([
          ["book", floatTensor("book", [4], new Float32Array(4))],
          ["q", integerTensor("q", [48, 24], DataType.UINT4, new Uint8Array(576))],
        ]),
      },
    ];
    const { modified, nodes } = await storeInt8().run(model, CONTEXT);
    expect(modified).toBe(false);
    expect(nodes[0]?.reason).toMatch(/^the file already holds it in 6\d\d bytes; int8 would take 1\d\d\d$/);
  });
});

describe("store-int8", () => {
  it.each(CASES)(
    "stores the weight of %s (operator set %i) and leaves the operator as it is",
    async (op, _, build, scaleDims) => {
      const float = build();
      const stored = build();
      const feeds = { x: noise((float.graph.inputs[0]?.type?.tensor?.shape ?? []) as number[]) };
      const { stats, nodes } = await storeInt8().run(stored, CONTEXT);
      expect(stats.storedTensors).toBe(1);
      expect(stats.lowestSqnr).toBeGreaterThan(40);
      expect(nodes[0]).toMatchObject({ name: "w", opType: op, status: "changed" });
      expect(stored.graph.initializers.map(({ dataType, dims }) => [dataType, dims])).toEqual([
        [DataType.INT8, float.graph.initializers[0]?.dims],
        [DataType.FLOAT, scaleDims],
      ]);
      const [before, after] = [await execute(float, "all", feeds), await execute(stored, "all", feeds)];
      expect(after.operators).toEqual(before.operators);
      expect(sqnr(before.outputs.y, after.outputs.y)).toBeGreaterThan(40);
    },
  );

  it(
    "stores a weight that only a body uses, by its operator there, where onnxruntime " +
      "unfolds it at load too",
    async () => {
      const body = (output: string, ...nodes: Node[]): Graph => ({
        ...emptyGraph(output),
        nodes,
        outputs: [tensorValue(output, DataType.FLOAT, [4, 24])],
      });
      const build = (): Model => {
        const then = body("a", makeNode("Gemm", ["x", "w"], ["a"], [attribute.int("transB", 1)]));
        const other = body(
          "b",
          makeNode("Gemm", ["x", "w"], ["c"], [attribute.int("transB", 1)]),
          makeNode("Neg", ["c"], ["b"]),
        );
        const branches = [attribute.graph("then_branch", then), attribute.graph("else_branch", other)];
        return tinyModel(17, {
          inputs: [tensorValue("flag", DataType.BOOL, []), tensorValue("x", DataType.FLOAT, [4, 48])],
          outputs: [tensorValue("y", DataType.FLOAT, [4, 24])],
          nodes: [makeNode("If", ["flag"], ["y"], branches)],
          initializers: [weight("w", 24, 48)],
        });
      };
      const [float, stored] = [build(), build()];
      const { nodes } = await storeInt8().run(stored, CONTEXT);
      expect(nodes).toMatchObject([
        {
          name: "w",
          opType: "Gemm",
          status: "changed",
          reason: expect.stringContaining("24 scales") as unknown,
        },
      ]);
      const feeds = { x: noise([4, 48]), flag: new ort.Tensor("bool", [true], []) };
      const [before, after] = [await execute(float, "all", feeds), await execute(stored, "all", feeds)];
      expect(after.operators).toEqual(before.operators);
      expect(sqnr(before.outputs.y, after.outputs.y)).toBeGreaterThan(40);
      const excluded = await storeInt8({ exclude: ["w"] }).run(build(), CONTEXT);
      expect(excluded.stats.storedTensors).toBe(0);
    },
  );

  it.each(["LSTM", "GRU"])(
    "stores both weights of %s with a scale per direction and row, and leaves the bias float",
    async (op) => {
      const gates = op === "LSTM" ? 4 : 3;
      const build = (): Model =>
        model(
          17,
          [5, 1, 24],
          [5, 2, 1, 32],
          makeNode(
            op,
            ["x", "w", "r", "b"],
            ["y"],
            [attribute.int("hidden_size", 32), attribute.string("direction", "bidirectional")],
          ),
          weight("w", 2, gates * 32, 24),
          weight("r", 2, gates * 32, 32),
          weight("b", 2, gates * 64),
        );
      const [float, stored] = [build(), build()];
      const { nodes } = await storeInt8().run(stored, CONTEXT);
      expect(nodes.map(({ name, status }) => [name, status])).toEqual([
        ["w", "changed"],
        ["r", "changed"],
        ["b", "kept"],
      ]);
      const scales = stored.graph.initializers.filter(
        ({ dataType, dims }) => dataType === DataType.FLOAT && dims.length === 3,
      );
      expect(scales.map(({ dims }) => dims)).toEqual([
        [2, gates * 32, 1],
        [2, gates * 32, 1],
      ]);
      const feeds = { x: noise([5, 1, 24]) };
      const [before, after] = [await execute(float, "all", feeds), await execute(stored, "all", feeds)];
      expect(after.operators).toEqual([op]);
      expect(sqnr(before.outputs.y, after.outputs.y)).toBeGreaterThan(35);
    },
  );

  it.each<[string, Node, number[], Tensor[]]>([
    [
      "Attention",
      makeNode("Attention", ["x", "w", "b"], ["y"], [attribute.int("num_heads", 4)]),
      [2, 5, 32],
      [weight("w", 32, 96), weight("b", 96)],
    ],
    [
      "FusedMatMul",
      makeNode("FusedMatMul", ["x", "w"], ["y"], [attribute.int("transB", 1), attribute.float("alpha", 0.5)]),
      [2, 5, 32],
      [weight("w", 48, 32)],
    ],
    [
      "FusedGemm",
      makeNode("FusedGemm", ["x", "w", "b"], ["y"], [attribute.string("activation", "Relu")]),
      [4, 32],
      [weight("w", 32, 48), weight("b", 48)],
    ],
    [
      "FusedConv",
      makeNode("FusedConv", ["x", "w"], ["y"], [attribute.string("activation", "Relu")]),
      [1, 16, 8, 8],
      [weight("w", 32, 16, 3, 3)],
    ],
  ])("stores the weight of %s, as onnxruntime's optimizer writes it", async (_, node, shape, constants) => {
    const build = (): Model => {
      const built = model(17, shape, [], { ...structuredClone(node), domain: "com.microsoft" }, ...constants);
      delete built.graph.outputs[0]!.type;
      built.opsetImports.push({ domain: "com.microsoft", version: 1n });
      return built;
    };
    const [float, stored] = [build(), build()];
    const { nodes } = await storeInt8().run(stored, CONTEXT);
    expect(nodes).toContainEqual(expect.objectContaining({ name: "w", status: "changed" }));
    const feeds = { x: noise(shape) };
    const [before, after] = [await execute(float, "all", feeds), await execute(stored, "all", feeds)];
    expect(after.operators).toEqual(before.operators);
    expect(sqnr(before.outputs.y, after.outputs.y)).toBeGreaterThan(35);
  });

  it("says of an operator that it does not know that it does not, and of a vector that it is one", () => {
    const unknown = { ...makeNode("Mystery", ["x", "w"], ["y"]), domain: "org.example" };
    expect(weightAxes(unknown, 1, [48, 48])).toBe(
      "feeds org.example.Mystery, whose use of the weight is not known",
    );
    const attention = { ...makeNode("Attention", ["x", "w", "b"], ["y"]), domain: "com.microsoft" };
    expect([weightAxes(attention, 1, [48, 144]), weightAxes(attention, 2, [144])]).toEqual([
      [1],
      "is a vector, which is small and sensitive to rounding",
    ]);
  });

  it("tells of weights that are stored at more bits than were asked for", async () => {
    const build = (): Model =>
      model(17, [4, 48], [4, 24], makeNode("MatMul", ["x", "w"], ["y"]), weight("w", 48, 24));
    expect((await storeInt8({ askedBits: 4 }).run(build(), CONTEXT)).diagnostics).toMatchObject([
      {
        id: "store-int8/more-bits",
        message:
          '1 weight is stored at 8 bits rather than 4 ("w" of MatMul): fewer bits are for ' +
          "weights of layers that compute in int8, and this one does not.",
      },
    ]);
    expect((await storeInt8().run(build(), CONTEXT)).diagnostics).toEqual([]);
  });

  it("stores only what it is told to, and refuses a name that is not there", async () => {
    const build = (): Model =>
      model(
        17,
        [4, 48],
        [4, 48],
        makeNode("MatMul", ["x", "w"], ["y"]),
        weight("w", 48, 48),
        weight("v", 48, 48),
      );
    const { nodes } = await storeInt8({ only: ["w"] }).run(build(), CONTEXT);
    expect(nodes.map(({ name }) => name)).toEqual(["w"]);
    await expect(storeInt8({ only: ["u"] }).run(build(), CONTEXT)).rejects.toMatchObject({
      code: "UNMATCHED_SELECTOR",
    });
    expect(await storeInt8({ exclude: ["y"], only: ["w"] }).run(build(), CONTEXT)).toMatchObject({
      modified: false,
    });
  });

  it("leaves operator sets before 9 alone and says so", async () => {
    const old = model(8, [4, 48], [4, 48], makeNode("MatMul", ["x", "w"], ["y"]), weight("w", 48, 48));
    expect(await storeInt8().run(old, CONTEXT)).toMatchObject({
      modified: false,
      diagnostics: [{ id: "store-int8/old-opset" }],
    });
  });

  it("leaves weights that are not finite alone", async () => {
    const broken = model(
      17,
      [4, 48],
      [4, 48],
      makeNode("MatMul", ["x", "w"], ["y"]),
      floatTensor("w", [48, 48], new Float32Array(2304).fill(Infinity)),
    );
    const { modified, nodes } = await storeInt8().run(broken, CONTEXT);
    expect(modified).toBe(false);
    expect(nodes[0]?.reason).toMatch(/not finite/);
  });

  it("gives codes that encode-weights makes smaller still, and both are folded", async () => {
    const pruned = floatTensor("w", [32, 16, 3, 3], prunedValues(4608, 0.9, 0));
    const build = (): Model =>
      model(17, [1, 16, 8, 8], [1, 32, 6, 6], makeNode("Conv", ["x", "w"], ["y"]), pruned);
    const once = build();
    await storeInt8().run(once, CONTEXT);
    const feeds = { x: noise([1, 16, 8, 8]) };
    const before = await execute(once, "all", feeds);
    const { stats } = await encodeWeights().run(once, CONTEXT);
    expect(stats.gapsTensors).toBe(1);
    const after = await execute(once, "all", feeds);
    expect(after.operators).toEqual((await execute(build(), "all", feeds)).operators);
    expect(after.outputs.y?.data).toEqual(before.outputs.y?.data);
  });
});

describe("quantizeToInt8", () => {
  it("is exact where a scale of largest / 127 makes it so", () => {
    const { codes, scales, sqnr: loss } = quantizeToInt8(Float32Array.of(-127, 64, 0, 1), [4], []) ?? {};
    expect([...(codes ?? [])]).toEqual([-127, 64, 0, 1]);
    expect([...(scales ?? [])]).toEqual([1]);
    expect(loss).toBe(Infinity);
  });

  it("keeps zero and gives an all-zero channel scale 1", () => {
    const { codes, scales } = quantizeToInt8(Float32Array.of(0, 0, 0, 254), [2, 2], [0]) ?? {};
    expect([...(codes ?? [])]).toEqual([0, 0, 0, 127]);
    expect([...(scales ?? [])]).toEqual([1, 2]);
  });

  it("varies the scale along any axes", () => {
    const { scales } = quantizeToInt8(Float32Array.of(127, 254, 508, 127, 254, 508), [2, 3], [1]) ?? {};
    expect([...(scales ?? [])]).toEqual([1, 2, 4]);
  });

  it("loses no more than the plain largest / 127 scale", () => {
    const values = noise([4096], 5).data as Float32Array;
    values[7] = 1.4;
    const { codes, scales } = quantizeToInt8(values, [4096], []) ?? {
      codes: new Int8Array(),
      scales: new Float32Array(),
    };
    const error = (scale: number, code: (i: number) => number): number =>
      values.reduce((sum, value, i) => sum + (value - scale * code(i)) ** 2, 0);
    const plain = 1.4 / 127;
    expect(error(scales[0] ?? 0, (i) => codes[i] ?? 0)).toBeLessThanOrEqual(
      error(plain, (i) => Math.round((values[i] ?? 0) / plain)),
    );
  });
});

describe("weightAxes", () => {
  it.each<[string, Node, number, number[], readonly number[]]>([
    ["batched MatMul", makeNode("MatMul", ["x", "w"], ["y"]), 1, [3, 8, 4], [0, 2]],
    ["MatMul with the constant on the left", makeNode("MatMul", ["w", "x"], ["y"]), 0, [8, 4], [0]],
    ["Gemm without transB", makeNode("Gemm", ["x", "w"], ["y"]), 1, [8, 4], [1]],
    ["embedding", makeNode("Gather", ["w", "i"], ["y"]), 0, [1000, 64], [0]],
    ["added matrix", makeNode("Add", ["x", "w"], ["y"]), 1, [1, 49, 128], [0, 1]],
  ])("%s", (_, node, index, dims, axes) => {
    expect(weightAxes(node, index, dims)).toEqual(axes);
  });

  it("names the reason for what is no weight", () => {
    expect(weightAxes(makeNode("Conv", ["x", "w", "b"], ["y"]), 2, [64])).toMatch(/vector/);
    expect(weightAxes(makeNode("LSTM", ["x", "w", "r", "b"], ["y"]), 3, [1, 256])).toMatch(
      /not a weight of LSTM/,
    );
  });
});
