import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  type Feed,
  floatTensor,
  getAttribute,
  type Graph,
  isOp,
  makeNode,
  type Model,
  tensorValue,
  toNumbers,
} from "../../../src/ir/index.js";
import { assertValid } from "../../../src/ir/validate.js";
import { Statistics } from "../../../src/numeric/statistics.js";
import { encodeModelBytes } from "../../../src/onnx/index.js";
import { deduplicateInitializers } from "../../../src/passes/graph/deduplicate-initializers.js";
import { quantizeInt8 } from "../../../src/passes/quantize/quantize-int8.js";
import { loadRuntime } from "../../../src/runtime/index.js";
import { executedOps, outputs, sqnr } from "./running.js";
import { convolution, model, noise, ranges, run, twoConvolutions } from "../../support/int8-models.js";

const feed = (dims: number[]): Feed => ({
  x: {
    dataType: DataType.FLOAT,
    dims,
    data: noise(
      dims.reduce((a, b) => a * b, 1),
      7,
    ),
  },
});

describe("static quantization", () => {
  it("makes every convolution an int8 kernel with no Q/DQ left between", async () => {
    const m = twoConvolutions();
    const { modified, nodes } = await run(m, ranges(m, -2, 4));
    expect(modified).toBe(true);
    expect(nodes.map((n) => `${n.opType} ${n.status}`)).toEqual([
      "Conv changed",
      "Conv changed",
      "Relu changed",
    ]);
    assertValid(m, "quantized");
    const ops = await executedOps(m);
    expect(ops.filter((op) => op === "QLinearConv")).toHaveLength(2);
    expect(ops.filter((op) => op === "QuantizeLinear" || op === "DequantizeLinear")).toHaveLength(2);
  });

  it("stays close to float", async () => {
    const m = twoConvolutions();
    const before = await outputs(twoConvolutions(), feed([1, 4, 8, 8]));
    await run(m, ranges(m, -10, 10), { calibrator: "minmax" });
    expect(sqnr(before, await outputs(m, feed([1, 4, 8, 8])))).toBeGreaterThan(20);
  });

  it("lets the saturation of codes take over a Relu: codes start at zero", async () => {
    const m = twoConvolutions();
    await run(m, ranges(m, -2, 4));
    expect(m.graph.nodes.some((node) => isOp(node, "Relu"))).toBe(false);
    const quantize = m.graph.nodes.find((node) => isOp(node, "QuantizeLinear") && node.inputs[0] === "a")!;
    expect(toNumbers(m.graph.initializers.find((t) => t.name === quantize.inputs[2])!)).toEqual([0]);
  });

  it("keeps 255 times every pair of weights within int16", async () => {
    const m = twoConvolutions();
    await run(m, ranges(m, -2, 4));
    const weights = m.graph.initializers.filter((t) => t.dataType === DataType.INT8 && t.dims.length === 4);
    expect(weights).toHaveLength(2);
    for (const weight of weights) {
      const codes = toNumbers(weight);
      const [outputs = 1, inputs = 1] = weight.dims;
      for (let o = 0; o < outputs; o++)
        for (let position = 0; position < 9; position++)
          for (let c = 0; c < inputs; c += 2) {
            const at = (channel: number): number => codes[(o * inputs + channel) * 9 + position]!;
            expect(Math.abs(at(c) + at(c + 1))).toBeLessThanOrEqual(128);
          }
    }
  });

  // An output scale of 1e-8 would need bias codes of 5e8 and more.
  it("widens tiny weight scales so that a large bias fits int32", async () => {
    const m = model(
      [convolution("x", "a", "w", "b"), convolution("a", "c", "w2"), makeNode("Sigmoid", ["c"], ["y"])],
      [
        floatTensor(
          "w",
          [8, 4, 3, 3],
          noise(288).map((v) => v * 1e-8),
        ),
        floatTensor("b", [8], new Float32Array(8).fill(5)),
        floatTensor("w2", [8, 8, 3, 3], noise(576)),
      ],
    );
    const before = await outputs(m, feed([1, 4, 8, 8]));
    await run(m, ranges(m, -10, 10), { calibrator: "minmax" });
    // Codes that overflow would turn the bias of 5 into anything.
    expect(sqnr(before, await outputs(m, feed([1, 4, 8, 8])))).toBeGreaterThan(25);
  });

  it("leaves the convolution that makes the model's output in float", async () => {
    const m = model([convolution("x", "y", "w")], [floatTensor("w", [4, 4, 3, 3], noise(144))]);
    const { modified, nodes } = await run(m, ranges(m, -1, 1));
    expect(modified).toBe(false);
    expect(nodes[0]).toMatchObject({
      status: "kept",
      reason: expect.stringContaining("model's output") as unknown,
    });
  });

  it("leaves excluded nodes alone and says so", async () => {
    const m = twoConvolutions();
    const { nodes } = await run(m, ranges(m, -1, 1), { exclude: ["conv_a"] });
    expect(nodes).toContainEqual({ name: "conv_a", opType: "Conv", status: "kept", reason: "excluded" });
    expect(m.graph.nodes.find((n) => n.name === "conv_a")!.inputs).toEqual(["x", "w1", "b1"]);
  });

  it("leaves the operators of an excluded weight alone, and refuses a name that nothing bears", async () => {
    const m = twoConvolutions();
    const { nodes } = await run(m, ranges(m, -1, 1), { exclude: ["w1"] });
    expect(nodes).toContainEqual({ name: "conv_a", opType: "Conv", status: "kept", reason: "excluded" });
    await expect(run(twoConvolutions(), undefined, { exclude: ["w9"] })).rejects.toThrow(
      /quantize-int8: "w9" does not match any node.*Did you mean "w1"/,
    );
  });

  it("leaves the neighbours of a tensor float that calibration never reached, and no others", async () => {
    const m = model(
      [
        convolution("x", "a", "w1"),
        convolution("a", "b", "w2"),
        makeNode("Sigmoid", ["b"], ["s"]),
        convolution("s", "c", "w3"),
        makeNode("Sigmoid", ["c"], ["y"]),
      ],
      [
        floatTensor("w1", [16, 4, 3, 3], noise(576)),
        floatTensor("w2", [16, 16, 3, 3], noise(2304)),
        floatTensor("w3", [16, 16, 3, 3], noise(2304)),
      ],
    );
    const seen = new Statistics();
    for (const request of quantizeInt8().statistics(m)) {
      if (request.kind === "histogram" && request.tensor !== "c")
        seen.set(request, { min: -1, max: 1, counts: new Float64Array(2048).fill(1), count: 2048 });
    }
    const { nodes } = await run(m, seen);
    expect(nodes.map((n) => `${n.name} ${n.status}`).sort()).toEqual([
      "conv_a changed",
      "conv_b changed",
      "conv_c kept",
    ]);
  });

  it("keeps the upper bound of a clamp whose tensor was zero throughout calibration", async () => {
    const clipped = (): Model =>
      model(
        [
          convolution("x", "a", "w1"),
          makeNode("Clip", ["a", "low", "high"], ["r"]),
          convolution("r", "c", "w2"),
          makeNode("Sigmoid", ["c"], ["y"]),
        ],
        [
          floatTensor("w1", [16, 4, 3, 3], noise(576)),
          floatTensor("w2", [16, 16, 3, 3], noise(2304)),
          floatTensor("low", [], Float32Array.of(0)),
          floatTensor("high", [], Float32Array.of(0.5)),
        ],
      );
    const m = clipped();
    const statistics = ranges(m, -4, 4);
    statistics.set(
      { kind: "histogram", tensor: "r" },
      { min: 0, max: 0, counts: new Float64Array(2048), count: 10 },
    );
    await run(m, statistics);
    const quantize = m.graph.nodes.find((node) => isOp(node, "QuantizeLinear") && node.inputs[0] === "a")!;
    const scale = toNumbers(m.graph.initializers.find((t) => t.name === quantize.inputs[1])!)[0]!;
    expect(scale * 255).toBeCloseTo(0.5, 5);
  });

  it(
    "loads with session.x64quantprecision, a Gemm behind a convolution and layers of " +
      "equal shape included",
    async () => {
      const m = model(
        [
          convolution("x", "a", "w1", "b1"),
          makeNode("Relu", ["a"], ["r"]),
          convolution("r", "c", "w2", "b1"),
          makeNode("GlobalAveragePool", ["c"], ["p"]),
          makeNode("Flatten", ["p"], ["f"]),
          makeNode("Gemm", ["f", "w3", "b1"], ["g"]),
          makeNode("Gemm", ["g", "w4", "b2"], ["h"]),
          makeNode("Sigmoid", ["h"], ["y"]),
        ],
        [
          floatTensor("w1", [16, 4, 3, 3], noise(576)),
          floatTensor("b1", [16], noise(16)),
          floatTensor("w2", [16, 16, 3, 3], noise(2304)),
          floatTensor("w3", [16, 16], noise(256)),
          floatTensor("w4", [16, 16], noise(256, 9)),
          floatTensor("b2", [1, 16], noise(16, 4)),
        ],
      );
      const { nodes } = await run(m, ranges(m, -4, 4));
      expect(nodes.filter((n) => n.opType === "Gemm" && n.reason.startsWith("static"))).toHaveLength(2);
      await deduplicateInitializers().run(m, { statistics: undefined, evaluator: undefined, seed: 0 });
      const session = await (
        await loadRuntime()
      ).open(encodeModelBytes(m), { config: { "session.x64quantprecision": "1" } });
      expect(Object.keys(await session.run(feed([1, 4, 8, 8])))).toEqual(["y"]);
      await session.release();
      expect((await executedOps(m)).filter((op) => op === "QGemm")).toHaveLength(2);
    },
  );

  it("takes ranges at run time of the layers named, though codes reach them", async () => {
    const m = model(
      [
        convolution("x", "a", "w1", "b1"),
        makeNode("GlobalAveragePool", ["a"], ["p"]),
        makeNode("Flatten", ["p"], ["f"]),
        makeNode("Gemm", ["f", "w2"], ["g"], [], "first"),
        makeNode("Gemm", ["g", "w3"], ["y"], [], "second"),
      ],
      [
        floatTensor("w1", [16, 4, 3, 3], noise(576)),
        floatTensor("b1", [16], noise(16)),
        floatTensor("w2", [16, 64], noise(1024)),
        floatTensor("w3", [64, 32], noise(2048)),
      ],
    );
    const { nodes } = await run(m, ranges(m, -4, 4), { dynamic: ["second"] });
    expect(
      nodes.filter(({ opType }) => opType === "Gemm").map(({ name, reason }) => [name, reason.split(" ")[0]]),
    ).toEqual([
      ["first", "static"],
      ["second", "dynamic"],
    ]);
    expect(await executedOps(m)).toEqual(
      expect.arrayContaining(["QLinearConv", "QGemm", "DynamicQuantizeMatMul"]),
    );
  });

  /** Codes go from conv_a to conv_d, past an addition and through a pooling. */
  const residual = (): Model =>
    model(
      [
        convolution("x", "a", "w1"),
        makeNode("Relu", ["a"], ["r"]),
        convolution("r", "c", "w2"),
        makeNode("Add", ["c", "r"], ["s"]),
        makeNode("Relu", ["s"], ["t"]),
        makeNode(
          "MaxPool",
          ["t"],
          ["p"],
          [attribute.ints("kernel_shape", [2, 2]), attribute.ints("strides", [2, 2])],
        ),
        convolution("p", "d", "w3"),
        makeNode("Sigmoid", ["d"], ["y"]),
      ],
      [
        floatTensor("w1", [16, 4, 3, 3], noise(576)),
        floatTensor("w2", [16, 16, 3, 3], noise(2304)),
        floatTensor("w3", [16, 16, 3, 3], noise(2304)),
      ],
    );

  it("carries codes through a residual addition and a pooling", async () => {
    const m = residual();
    await run(m, ranges(m, -8, 8));
    const ops = await executedOps(m);
    expect(ops).toContain("QLinearAdd");
    expect(ops.filter((op) => op === "QuantizeLinear" || op === "DequantizeLinear")).toHaveLength(2);
  });

  it("measures all that it needs where any of the layers stays in float, as a search may choose", async () => {
    const asked = (exclude: string[]): string[] =>
      quantizeInt8({ exclude })
        .statistics(residual())
        .map(({ tensor }) => tensor);
    // What conv_d reads has the scale of what the pooling reads, unless no codes come there.
    expect(asked(["conv_a", "conv_c"])).toContain("p");
    const all = new Set(asked([]));
    for (const exclude of [["conv_a"], ["conv_c"], ["conv_d"], ["conv_a", "conv_c"], ["conv_c", "conv_d"]])
      expect(asked(exclude).filter((tensor) => !all.has(tensor))).toEqual([]);
    const m = residual();
    const { nodes } = await run(m, ranges(m, -8, 8), { exclude: ["conv_a", "conv_c"] });
    expect(nodes.find(({ name }) => name === "conv_d")?.status).toBe("changed");
  });
});

describe("dynamic quantization", () => {
  const dense = (): Model =>
    model(
      [makeNode("MatMul", ["x", "w"], ["m"]), makeNode("Add", ["m", "b"], ["y"])],
      [floatTensor("w", [64, 32], noise(2048)), floatTensor("b", [32], noise(32))],
      13,
      [5, 64],
    );

  it("fuses into one kernel and stays close to float, with no data", async () => {
    const m = dense();
    const before = await outputs(dense(), feed([5, 64]));
    const { modified } = await run(m);
    expect(modified).toBe(true);
    expect(await executedOps(m)).toEqual(["DynamicQuantizeMatMul"]);
    const after = await outputs(m, feed([5, 64]));
    expect(sqnr(before, after)).toBeGreaterThan(35);
  });

  it("takes a Gemm with a transposed weight", async () => {
    const gemm = (): Model =>
      model(
        [makeNode("Gemm", ["x", "w", "b"], ["y"], [attribute.int("transB", 1)])],
        [floatTensor("w", [32, 64], noise(2048)), floatTensor("b", [32], noise(32))],
        13,
        [5, 64],
      );
    const m = gemm();
    const before = await outputs(gemm(), feed([5, 64]));
    await run(m);
    const after = await outputs(m, feed([5, 64]));
    expect(Math.max(...after.map((v, k) => Math.abs(v - before[k]!)))).toBeLessThan(0.15);
    expect(await executedOps(m)).toEqual(["DynamicQuantizeMatMul"]);
  });

  it("never touches a convolution without data, and says what data would bring", async () => {
    const m = twoConvolutions();
    const { modified, diagnostics } = await run(m);
    expect(modified).toBe(false);
    expect(diagnostics[0]?.message).toContain('"calib"');
  });

  it("replaces an LSTM by the runtime's int8 one, close to float", async () => {
    const lstm = (): Model => {
      const m = model(
        [makeNode("LSTM", ["x", "w", "r"], ["y"], [attribute.int("hidden_size", 16)])],
        [floatTensor("w", [1, 64, 12], noise(768)), floatTensor("r", [1, 64, 16], noise(1024))],
        14,
        [6, 2, 12],
      );
      return m;
    };
    const m = lstm();
    const before = await outputs(lstm(), feed([6, 2, 12]));
    await run(m);
    expect(m.graph.nodes[0]).toMatchObject({ domain: "com.microsoft", opType: "DynamicQuantizeLSTM" });
    expect(getAttribute(m.graph.nodes[0]!, "hidden_size")?.i).toBe(16n);
    const after = await outputs(m, feed([6, 2, 12]));
    expect(Math.max(...after.map((v, k) => Math.abs(v - before[k]!)))).toBeLessThan(0.03);
  });
});

describe("one scale for each weight", () => {
  /** Ranks of the scales behind which int8 weights stand. */
  const scaleDims = (m: Model): string[] =>
    m.graph.nodes
      .filter((n) => isOp(n, "DequantizeLinear") && m.graph.initializers.some((t) => t.name === n.inputs[0]))
      .map((n) => m.graph.initializers.find((t) => t.name === n.inputs[1])!.dims.join());

  it("runs in the static kernels of Conv and Gemm, biases included", async () => {
    const pooled = (): Model =>
      model(
        [
          convolution("x", "a", "w1", "b1"),
          makeNode("Relu", ["a"], ["r"]),
          makeNode("GlobalAveragePool", ["r"], ["p"]),
          makeNode("Flatten", ["p"], ["f"]),
          makeNode("Gemm", ["f", "w3", "b1"], ["g"]),
          makeNode("Gemm", ["g", "w3"], ["y"]),
        ],
        [
          floatTensor("w1", [16, 4, 3, 3], noise(576)),
          floatTensor("b1", [16], noise(16)),
          floatTensor("w3", [16, 16], noise(256)),
        ],
      );
    const m = pooled();
    await run(m, ranges(m, -4, 4), { perChannel: false });
    expect(scaleDims(m)).toEqual(["", "", "", "", ""]);
    expect(await executedOps(m)).toEqual(expect.arrayContaining(["QLinearConv", "QGemm"]));
    expect(
      sqnr(await outputs(pooled(), feed([1, 4, 8, 8])), await outputs(m, feed([1, 4, 8, 8]))),
    ).toBeGreaterThan(20);
  });

  it("runs in the dynamic kernels of MatMul and LSTM", async () => {
    const dense = (): Model =>
      model(
        [makeNode("MatMul", ["x", "w"], ["m"]), makeNode("Add", ["m", "b"], ["y"])],
        [floatTensor("w", [64, 32], noise(2048)), floatTensor("b", [32], noise(32))],
        13,
        [5, 64],
      );
    const lstm = (): Model =>
      model(
        [makeNode("LSTM", ["x", "w", "r"], ["y"], [attribute.int("hidden_size", 16)])],
        [floatTensor("w", [1, 64, 12], noise(768)), floatTensor("r", [1, 64, 16], noise(1024))],
        14,
        [6, 2, 12],
      );
    for (const [build, dims, op] of [
      [dense, [5, 64], "DynamicQuantizeMatMul"],
      [lstm, [6, 2, 12], "DynamicQuantizeLSTM"],
    ] as const) {
      const m = build();
      await run(m, undefined, { perChannel: false });
      expect(await executedOps(m)).toEqual([op]);
      expect(
        sqnr(await outputs(build(), feed([...dims])), await outputs(m, feed([...dims]))),
      ).toBeGreaterThan(30);
    }
  });
});

describe("damaged weights", () => {
  it("are refused by name in an LSTM", async () => {
    const m = model(
      [makeNode("LSTM", ["x", "w", "r"], ["y"], [attribute.int("hidden_size", 1)])],
      [floatTensor("w", [1, 4, 2], new Float32Array(8).fill(NaN)), floatTensor("r", [1, 4, 1], noise(4))],
      14,
      [6, 2, 2],
    );
    await expect(run(m)).rejects.toThrow(/"w".*NaN/);
  });

  it("are refused by name in a bias", async () => {
    const m = twoConvolutions();
    const statistics = ranges(m, -1, 1);
    m.graph.initializers[1] = floatTensor("b1", [16], new Float32Array(16).fill(Infinity));
    await expect(run(m, statistics)).rejects.toThrow(/"b1".*infinite/);
  });
});

describe("bodies", () => {
  it("get dynamic layers, with weights of the graph around them", async () => {
    const branch = (name: string): Graph => ({
      ...emptyGraph(name),
      nodes: [makeNode("MatMul", ["x", "w"], [`${name}_y`], [], name)],
      outputs: [tensorValue(`${name}_y`, DataType.FLOAT)],
    });
    const conditional = (): Model => {
      const m = model(
        [
          makeNode(
            "If",
            ["c"],
            ["y"],
            [attribute.graph("then_branch", branch("yes")), attribute.graph("else_branch", branch("no"))],
          ),
        ],
        [floatTensor("w", [64, 32], noise(2048))],
        13,
        [5, 64],
      );
      m.graph.inputs.push(tensorValue("c", DataType.BOOL, []));
      return m;
    };
    const m = conditional();
    const { nodes } = await run(m);
    expect(nodes.map((n) => `${n.name} ${n.status}`)).toEqual(["yes changed", "no changed"]);
    assertValid(m, "quantized");
    const condition = { c: { dataType: DataType.BOOL, dims: [], data: Uint8Array.of(1) } } as unknown as Feed;
    const before = await outputs(conditional(), { ...feed([5, 64]), ...condition });
    expect(sqnr(before, await outputs(m, { ...feed([5, 64]), ...condition }))).toBeGreaterThan(35);
  });
});

describe("options", () => {
  it("refuses a calibrator that does not exist, with the nearest name", () => {
    expect(() => quantizeInt8({ calibrator: "entrpy" as never })).toThrow(/Did you mean "entropy"/);
  });

  it("refuses weights that are not finite, by name", async () => {
    const m = twoConvolutions();
    m.graph.initializers[0] = floatTensor("w1", [16, 4, 3, 3], new Float32Array(576).fill(NaN));
    await expect(run(m, ranges(m, -1, 1))).rejects.toThrow(/"w1".*NaN/);
  });
});
