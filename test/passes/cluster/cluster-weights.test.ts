import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  integerTensor,
  makeNode,
  type Model,
  type Tensor,
  toNumbers,
} from "../../../src/ir/index.js";
import { clusterWeights } from "../../../src/passes/cluster/cluster-weights.js";
import { normalArray } from "../../support/seeded.js";
import { floats, model, product, run, statisticsOf, valuesOf } from "../../support/weight-models.js";

const distinct = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b);
const numbersOf = (m: Model, name: string): number[] =>
  toNumbers(m.graph.initializers.find((tensor) => tensor.name === name)!);

describe("without data", () => {
  it("gives a tensor the optimal k values", async () => {
    const m = product(
      [100, 2],
      Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 1 : 5) + (i % 3) / 4),
    );
    const result = await run(clusterWeights({ k: 2 }), m);
    // The thirds 0, 1/4 and 1/2 come nearly equally often about 1 and 5.
    const [low, high] = distinct(valuesOf(m, "w"));
    expect(low).toBeCloseTo(1.25, 2);
    expect(high).toBeCloseTo(5.25, 2);
    expect(result).toMatchObject({ modified: true, stats: { clusteredTensors: 1, values: 2 } });
  });

  it("keeps the zeros of a pruned tensor, as one of the k values", async () => {
    const values = normalArray(400, 1).map((w, i) => (i % 2 === 0 ? 0 : w));
    const m = product([40, 10], values);
    await run(clusterWeights({ k: 16 }), m);
    const clustered = valuesOf(m, "w");
    expect(distinct(clustered)).toHaveLength(16);
    expect(clustered.map((w) => w === 0)).toEqual([...values].map((w) => w === 0));
  });

  it("has k values for each output channel when asked", async () => {
    const m = model(
      [makeNode("Gemm", ["x", "w"], ["y"], [attribute.int("transB", 1)])],
      [floats("w", [3, 200], normalArray(600, 2))],
    );
    await run(clusterWeights({ k: 4, granularity: "channel" }), m);
    const clustered = valuesOf(m, "w");
    expect([0, 1, 2].map((row) => distinct(clustered.slice(200 * row, 200 * (row + 1))).length)).toEqual([
      4, 4, 4,
    ]);
    expect(distinct(clustered)).toHaveLength(12);
  });

  it("takes embedding tables too, and a table that is also the output layer's weight", async () => {
    const m = model(
      [makeNode("Gather", ["table", "x"], ["e"], [], "embedding")],
      [floats("table", [50, 8], normalArray(400, 3))],
      "e",
    );
    expect((await run(clusterWeights({ k: 8 }), m)).modified).toBe(true);
    expect(distinct(valuesOf(m, "table"))).toHaveLength(8);
  });

  it("leaves codes of four bits, and says so", async () => {
    const codes: Tensor = {
      name: "w",
      dims: [40, 40],
      dataType: DataType.INT4,
      raw: Uint8Array.from({ length: 800 }, (_, i) => i % 256),
    };
    const m = model(
      [makeNode("DequantizeLinear", ["w", "s"], ["d"]), makeNode("MatMul", ["x", "d"], ["y"])],
      [codes, floats("s", [], [0.1])],
    );
    const { modified, nodes } = await run(clusterWeights({ k: 8 }), m);
    expect([modified, nodes[0]?.reason]).toEqual([false, "its element type, int4, is not clustered"]);
  });

  it("writes a half-precision weight as half precision", async () => {
    const bits = Uint16Array.from({ length: 600 }, (_, i) => 0x3c00 + i);
    const m = model(
      [makeNode("MatMul", ["x", "w"], ["y"])],
      [integerTensor("w", [60, 10], DataType.FLOAT16, bits)],
    );
    await run(clusterWeights({ k: 16 }), m);
    expect(m.graph.initializers[0]?.dataType).toBe(DataType.FLOAT16);
    expect(distinct(valuesOf(m, "w"))).toHaveLength(16);
  });
});

describe("with the moments of the inputs", () => {
  const rows = Array.from({ length: 60 }, (_, r) => {
    const shared = normalArray(1, 1000 + r)[0]!;
    return Array.from(normalArray(40, r + 1), (x) => 0.3 * x + shared);
  });
  /** Mean square of x · (w - ŵ) over the rows and outputs. */
  const outputError = (before: readonly number[], after: readonly number[]): number => {
    let sum = 0;
    for (const row of rows)
      for (let n = 0; n < 10; n++)
        sum += row.reduce((acc, x, k) => acc + x * (before[k * 10 + n]! - after[k * 10 + n]!), 0) ** 2;
    return sum / rows.length / 10;
  };

  it("lets errors cancel: the output errs less than half as much as with nearest values", async () => {
    const weights = Array.from(normalArray(400, 5));
    const [plain, fitted] = [product([40, 10], weights), product([40, 10], weights)];
    const pass = clusterWeights({ k: 8 });
    await run(pass, plain);
    await run(pass, fitted, statisticsOf(pass, fitted, rows));
    expect(distinct(valuesOf(fitted, "w")).length).toBeLessThanOrEqual(8);
    expect(outputError(weights, valuesOf(fitted, "w"))).toBeLessThan(
      0.5 * outputError(weights, valuesOf(plain, "w")),
    );
  });

  it("gives the same answer again", async () => {
    const once = async (): Promise<number[]> => {
      const m = product([40, 10], normalArray(400, 6));
      const pass = clusterWeights();
      await run(pass, m, statisticsOf(pass, m, rows));
      return valuesOf(m, "w");
    };
    expect(await once()).toEqual(await once());
  });
});

describe("int8 codes", () => {
  const codes = Int8Array.from(normalArray(1000, 7, 30), (value) =>
    Math.max(-64, Math.min(64, Math.round(value))),
  );
  const quantized = (): Model =>
    model(
      [
        makeNode("DequantizeLinear", ["q", "s"], ["w"], [attribute.int("axis", 0)]),
        makeNode("Gemm", ["x", "w"], ["y"], [attribute.int("transB", 1)], "dense"),
      ],
      [
        integerTensor("q", [10, 100], DataType.INT8, codes),
        floatTensor("s", [10], normalArray(10, 8, 0.01, 0.1)),
      ],
    );

  it("stay whole numbers, at most k of them, behind their DequantizeLinear", async () => {
    const m = quantized();
    const { nodes, modified } = await run(clusterWeights({ k: 16 }), m);
    const clustered = numbersOf(m, "q");
    expect(modified).toBe(true);
    expect(nodes).toHaveLength(1);
    expect(m.graph.initializers[0]?.dataType).toBe(DataType.INT8);
    expect(distinct(clustered).length).toBeLessThanOrEqual(16);
    expect(clustered.every(Number.isInteger)).toBe(true);
  });

  it("ask for the moments of the layer's input", () => {
    expect(clusterWeights().statistics(quantized())).toEqual([
      { kind: "gram", tensor: "x", layout: { type: "lastAxis" }, mayBeRows: true },
    ]);
  });

  it("stay free of int16 saturation where they were: no pair of one sign sums to more than 128", async () => {
    const m = quantized();
    await run(clusterWeights({ k: 3 }), m);
    const clustered = numbersOf(m, "q");
    const sums = clustered
      .filter((_, i) => i % 2 === 0)
      .map((code, i) => (code * clustered[2 * i + 1]! > 0 ? Math.abs(code + clustered[2 * i + 1]!) : 0));
    expect(Math.max(...sums)).toBeLessThanOrEqual(128);
  });

  it("of MatMulInteger are clustered by what its quantizer is fed", async () => {
    const m = model(
      [
        makeNode("DynamicQuantizeLinear", ["x"], ["c", "cs", "cz"]),
        makeNode("MatMulInteger", ["c", "q", "cz"], ["y"]),
      ],
      [integerTensor("q", [100, 10], DataType.INT8, codes)],
    );
    expect(clusterWeights().statistics(m)).toEqual([
      { kind: "gram", tensor: "x", layout: { type: "lastAxis" }, mayBeRows: true },
    ]);
    await run(clusterWeights({ k: 16 }), m);
    expect(distinct(numbersOf(m, "q")).length).toBeLessThanOrEqual(16);
  });
});

describe("what is left alone", () => {
  it("is a tensor too small to gain, with the bytes that tell", async () => {
    const { modified, nodes } = await run(clusterWeights(), product([4, 4], normalArray(16, 1)));
    expect(modified).toBe(false);
    expect(nodes[0]).toMatchObject({
      status: "kept",
      reason: "too small to gain: 64 bytes, with codes about 222",
    });
  });

  it("is a tensor of few values already", async () => {
    const { modified, nodes } = await run(
      clusterWeights(),
      product(
        [40, 10],
        Array.from({ length: 400 }, (_, i) => i % 16),
      ),
    );
    expect(modified).toBe(false);
    expect(nodes[0]?.reason).toBe("has 16 distinct values already");
  });

  it("is a bias, and what exclusions name", async () => {
    const m = model(
      [makeNode("Gemm", ["x", "w", "b"], ["y"], [], "dense")],
      [floats("w", [40, 40], normalArray(1600, 1)), floats("b", [40], normalArray(40, 2))],
    );
    const bias = valuesOf(m, "b");
    expect((await run(clusterWeights({ exclude: ["dense"] }), m)).modified).toBe(false);
    expect((await run(clusterWeights(), m)).modified).toBe(true);
    expect(valuesOf(m, "b")).toEqual(bias);
  });
});

describe("bad input", () => {
  it.each(["1", "257", "1.5", "many", ""])("refuses --cluster %s with what is accepted", (value) => {
    expect(() => clusterWeights.definition.flag?.parse(value)).toThrow(
      expect.objectContaining({ code: "BAD_OPTION" }),
    );
  });

  it("names the tensor that holds infinities", async () => {
    await expect(
      run(clusterWeights(), product([40, 10], normalArray(400, 1).fill(Infinity, 7, 8))),
    ).rejects.toThrow('weight "w" holds NaN or infinite values (the first at element 7)');
  });
});
