import { describe, expect, it } from "vitest";
import { attribute, DataType, isOp, makeNode, tensorValue } from "../../../src/ir/index.js";
import { pruneMagnitude } from "../../../src/passes/prune/prune-magnitude.js";
import { normalArray } from "../../support/seeded.js";
import { floats, model, product, run, statisticsOf, valuesOf } from "../../support/weight-models.js";

const zeros = (values: readonly number[]): number => values.filter((value) => value === 0).length;

/** Gemm 4→16, Gemm 16→16 three times, Gemm 16→4: the ends hold 128 of 896 weights. */
const chain = () => {
  const sizes = [4, 16, 16, 16, 16, 4];
  const layers = sizes
    .slice(1)
    .map((outputs, k) => ({
      outputs,
      inputs: sizes[k]!,
      input: k === 0 ? "x" : `h${k}`,
      output: k === 4 ? "y" : `h${k + 1}`,
      k,
    }));
  return model(
    layers.map(({ input, output, k }) =>
      makeNode("Gemm", [input, `w${k}`], [output], [attribute.int("transB", 1)], `layer${k}`),
    ),
    layers.map(({ inputs, outputs, k }) =>
      floats(`w${k}`, [outputs, inputs], normalArray(inputs * outputs, k + 1)),
    ),
  );
};

describe("without data", () => {
  it("sets the smallest magnitudes to zero and leaves the others as they are", async () => {
    const m = product([4, 2], [1, -5, 2, 6, -3, 7, 4, 8]);
    const result = await run(pruneMagnitude({ amount: 0.5 }), m);
    expect(valuesOf(m, "w")).toEqual([0, -5, 0, 6, 0, 7, 0, 8]);
    expect(result.modified).toBe(true);
    expect(result.stats).toMatchObject({ weights: 8, zeros: 4, zeroPercent: 50, refitLayers: 0 });
  });

  it("hits the ratio exactly over all layers, the protected ends counted in", async () => {
    const m = chain();
    const { stats } = await run(pruneMagnitude({ amount: 0.5 }), m);
    const all = [0, 1, 2, 3, 4].flatMap((k) => valuesOf(m, `w${k}`));
    expect(zeros(all)).toBe(448);
    expect(stats.zeros).toBe(zeros(all));
  });

  it("hits the ratio in each layer when asked for layer by layer", async () => {
    const m = chain();
    await run(pruneMagnitude({ amount: 0.25, scope: "layer" }), m);
    expect([1, 2, 3].map((k) => zeros(valuesOf(m, `w${k}`)))).toEqual([64, 64, 64]);
  });

  it("keeps 2 of every 4 inputs of each output in a 2:4 pattern", async () => {
    const m = product([4, 2], [1, 8, 2, 7, 3, 6, 4, 5]);
    await run(pruneMagnitude({ amount: "2:4" }), m);
    expect(valuesOf(m, "w")).toEqual([0, 8, 0, 7, 3, 0, 4, 0]);
  });

  it("is not modified by a ratio of 0, nor when there are enough zeros", async () => {
    const m = product([2, 2], [0, 0, 0, 1]);
    const before = m.graph.initializers[0];
    for (const amount of [0, 0.5, 0.75])
      expect((await run(pruneMagnitude({ amount }), m)).modified).toBe(false);
    expect(m.graph.initializers[0]).toBe(before);
  });

  it("counts a shared weight once and reports its users", async () => {
    const m = model(
      [makeNode("MatMul", ["x", "w"], ["h"], [], "one"), makeNode("MatMul", ["h", "w"], ["y"], [], "two")],
      [floats("w", [2, 2], [1, 2, 3, 4])],
    );
    const { nodes, stats } = await run(pruneMagnitude({ amount: 0.5 }), m);
    expect(stats.weights).toBe(4);
    expect(nodes.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      "one: 50.0 % of 4 weights are zero, chosen by magnitude; the first layer, not " +
        "protected because it holds too much of the network (shared by 2 operators)",
    ]);
  });
});

describe("with the moments of the inputs", () => {
  it("removes a large weight on an input that hardly varies, and keeps a small one that matters", async () => {
    const m = product([2, 1], [3, 1]);
    const pass = pruneMagnitude({ amount: 0.5 });
    await run(
      pass,
      m,
      statisticsOf(pass, m, [
        [0.01, 5],
        [-0.01, -5],
      ]),
    );
    const [first, second] = valuesOf(m, "w");
    expect(first).toBe(0);
    // H = [· 0.05; 0.05 25] + 0.01 · 25.0001 / 2 on the diagonal: (0.05·3 + 25.125·1) / 25.125.
    expect(second).toBeCloseTo(25.275 / 25.125, 5);
  });

  it("refits what stays: the second of two equal inputs takes over for the first", async () => {
    const m = product([2, 1], [1, 2]);
    const pass = pruneMagnitude({ amount: 0.5 });
    const { stats } = await run(
      pass,
      m,
      statisticsOf(pass, m, [
        [1, 1],
        [-1, -1],
      ]),
    );
    expect(stats.refitLayers).toBe(1);
    const [first, second] = valuesOf(m, "w");
    expect(first).toBe(0);
    // H = [1.01 1; 1 1.01]: (1·1 + 1.01·2) / 1.01.
    expect(second).toBeCloseTo(3.02 / 1.01, 5);
  });

  it("moves what the mean loses into the bias", async () => {
    const m = model(
      [makeNode("Gemm", ["x", "w", "b"], ["y"], [attribute.int("transB", 1)])],
      [floats("w", [1, 2], [1, 4]), floats("b", [1], [0.5])],
    );
    const pass = pruneMagnitude({ amount: 0.5 });
    // The first input is always 10, so all that it does is a shift by 10.
    await run(
      pass,
      m,
      statisticsOf(pass, m, [
        [10, 1],
        [10, -1],
      ]),
    );
    expect(valuesOf(m, "w")).toEqual([0, 4]);
    expect(valuesOf(m, "b")).toEqual([10.5]);
  });

  it("finds the bias of a MatMul in the Add behind it", async () => {
    const m = model(
      [makeNode("MatMul", ["x", "w"], ["h"]), makeNode("Add", ["b", "h"], ["y"])],
      [floats("w", [2, 1], [1, 4]), floats("b", [1], [0.5])],
    );
    const pass = pruneMagnitude({ amount: 0.5 });
    await run(
      pass,
      m,
      statisticsOf(pass, m, [
        [10, 1],
        [10, -1],
      ]),
    );
    expect(valuesOf(m, "b")).toEqual([10.5]);
  });

  it("leaves a bias that something else uses", async () => {
    const m = model(
      [
        makeNode("Gemm", ["x", "w", "b"], ["h"], [attribute.int("transB", 1)]),
        makeNode("Mul", ["h", "b"], ["y"]),
      ],
      [floats("w", [1, 2], [1, 4]), floats("b", [1], [0.5])],
    );
    const pass = pruneMagnitude({ amount: 0.5 });
    await run(
      pass,
      m,
      statisticsOf(pass, m, [
        [1, 1],
        [1, -1],
      ]),
    );
    expect(valuesOf(m, "b")).toEqual([0.5]);
  });

  it("hits the ratio exactly in stages, and gives the same answer again", async () => {
    const pruned = async (): Promise<number[]> => {
      const m = product([16, 8], normalArray(128, 1));
      const pass = pruneMagnitude({ amount: 0.8 });
      const rows = Array.from({ length: 40 }, (_, r) => Array.from(normalArray(16, 100 + r)));
      await run(pass, m, statisticsOf(pass, m, rows));
      return valuesOf(m, "w");
    };
    const values = await pruned();
    expect(zeros(values)).toBe(102);
    expect(await pruned()).toEqual(values);
  });

  it("asks for the im2col rows of a convolution with the padding its auto_pad stands for", () => {
    const m = model(
      [
        makeNode(
          "Conv",
          ["x", "w"],
          ["y"],
          [attribute.string("auto_pad", "SAME_UPPER"), attribute.ints("strides", [2, 2])],
        ),
      ],
      [floats("w", [1, 1, 3, 3], normalArray(9, 1))],
    );
    m.graph.inputs = [tensorValue("x", DataType.FLOAT, [1, 1, 8, 8])];
    expect(pruneMagnitude().statistics(m)).toEqual([
      {
        kind: "gram",
        tensor: "x",
        mayBeRows: true,
        layout: {
          type: "convolution",
          kernel: [3, 3],
          strides: [2, 2],
          dilations: [1, 1],
          pads: [0, 0, 1, 1],
          groups: 1,
        },
      },
    ]);
  });
});

describe("what is left alone", () => {
  it("is the first and the last layer, with the reason", async () => {
    const m = chain();
    const before = valuesOf(m, "w0");
    const { nodes } = await run(pruneMagnitude({ amount: 0.5 }), m);
    expect(valuesOf(m, "w0")).toEqual(before);
    expect(
      nodes
        .filter(({ status }) => status === "kept")
        .map(({ name, reason }) => `${name}: ${reason.slice(0, 27)}`),
    ).toEqual(["layer0: the first layer is protecte", "layer4: the last layer is protected"]);
  });

  it("is nothing at the ends when protection is off", async () => {
    const { nodes } = await run(pruneMagnitude({ amount: 0.5, protectEnds: false }), chain());
    expect(nodes.every(({ status }) => status === "changed")).toBe(true);
  });

  it("is a depthwise convolution, an embedding, and a weight that is used otherwise as well", async () => {
    const m = model(
      [
        makeNode("Gather", ["table", "x"], ["e"], [], "embedding"),
        makeNode("Conv", ["e", "d"], ["f"], [attribute.int("group", 4)], "depthwise"),
        makeNode("MatMul", ["f", "w"], ["g"], [], "product"),
        makeNode("Add", ["g", "w"], ["y"], [], "sum"),
      ],
      [
        floats("table", [2, 2], [1, 2, 3, 4]),
        floats("d", [4, 1, 1, 2], normalArray(8, 1)),
        floats("w", [2, 2], [1, 2, 3, 4]),
      ],
    );
    const { nodes, modified, diagnostics } = await run(pruneMagnitude({ amount: 0.5 }), m);
    expect(modified).toBe(false);
    expect(nodes.map(({ name, status, reason }) => `${name} ${status}: ${reason.split(":")[0]}`)).toEqual([
      "embedding kept: an embedding is looked up, not multiplied",
      "depthwise kept: a depthwise convolution is protected",
      'product kept: "w" is also used by Add "sum"',
    ]);
    expect(diagnostics.map(({ id }) => id)).toEqual(["prune-magnitude/nothing-to-prune"]);
  });

  it("is what exclusions name; one that names nothing is refused", async () => {
    const m = chain();
    const { nodes } = await run(pruneMagnitude({ amount: 0.5, exclude: ["layer2", "w3"] }), m);
    expect(nodes.filter(({ reason }) => reason === "excluded").map(({ name }) => name)).toEqual([
      "layer2",
      "layer3",
    ]);
    await expect(run(pruneMagnitude({ exclude: ["layr2"] }), m)).rejects.toThrow(
      /"layr2".*Did you mean "layer2"/,
    );
  });

  it("weighs on the others no further than three quarters of their share; the rest is a warning", async () => {
    const { diagnostics, stats } = await run(pruneMagnitude({ amount: 0.9 }), chain());
    expect(stats.zeros).toBe(768 - Math.ceil(0.75 * 77));
    expect(diagnostics[0]).toMatchObject({ id: "prune-magnitude/short-of-ratio", severity: "warning" });
  });
});

describe("bad input", () => {
  it.each(["30%", "1", "-0.1", "4:2", "0:4", "2:", "half", ""])(
    "refuses --prune %s with what is accepted",
    (value) => {
      expect(() => pruneMagnitude.definition.flag?.parse(value)).toThrow(
        expect.objectContaining({ code: "BAD_OPTION" }),
      );
    },
  );

  it("guesses what a percentage was meant to be", () => {
    expect(() => pruneMagnitude.definition.flag?.parse("30%")).toThrow("Did you mean 0.3?");
  });

  it("accepts ratios and patterns", () => {
    expect(["0", "0.3", ".5", "2:4"].map((value) => pruneMagnitude.definition.flag?.parse(value))).toEqual([
      { amount: "0" },
      { amount: "0.3" },
      { amount: ".5" },
      { amount: "2:4" },
    ]);
  });

  it("names the tensor that holds NaN", async () => {
    await expect(run(pruneMagnitude(), product([2, 1], [1, NaN]))).rejects.toThrow(
      /BAD_MODEL|weight "w" holds NaN or infinite values \(the first at element 1\)/,
    );
  });
});

it("touches no model but the given one: constants are replaced, not written into", async () => {
  const m = product([2, 1], [1, 2]);
  const tensor = m.graph.initializers[0];
  await run(pruneMagnitude({ amount: 0.5 }), m);
  expect(isOp(m.graph.nodes[0], "MatMul")).toBe(true);
  expect(m.graph.initializers[0]).not.toBe(tensor);
  expect(Array.from(new Float32Array(tensor?.raw?.slice().buffer ?? new ArrayBuffer(0)))).toEqual([1, 2]);
});
