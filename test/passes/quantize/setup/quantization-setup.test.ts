import { describe, expect, it } from "vitest";
import {
  copyModel,
  DataType,
  floatTensor,
  makeNode,
  type Model,
  nodeLabel,
  toFloat32,
  toNumbers,
} from "../../../../src/ir/index.js";
import { quantizeInt8 } from "../../../../src/passes/quantize/quantize-int8.js";
import { roundWeights } from "../../../../src/passes/quantize/round-weights.js";
import { INT8_FORMATS } from "../../../../src/passes/quantize/setup/int8-formats.js";
import {
  type KnownRanges,
  quantizationSetup,
  type SetupOptions,
} from "../../../../src/passes/quantize/setup/quantization-setup.js";
import { generateModel } from "../../../fuzz/generate.js";
import { model, noise, ranges, run, twoConvolutions } from "../../../support/int8-models.js";

const OPTIONS: SetupOptions = {
  weightBits: 8,
  protectEnds: true,
  saturation: "guard",
  formats: INT8_FORMATS,
  floatOperators: [],
  exclude: [],
};

/** What becomes of each layer, by label. */
function setupOf(m: Model, known: KnownRanges, options: Partial<SetupOptions> = {}): [string, string][] {
  const { graphs } = quantizationSetup(m, { ...OPTIONS, ...options }, known, "test");
  return graphs.flatMap(({ layers }) =>
    [...layers].map(([node, layer]): [string, string] => [
      nodeLabel(node),
      "reason" in layer ? layer.reason : layer.arithmetic,
    ]),
  );
}

const dense = (): Model =>
  model(
    [makeNode("MatMul", ["x", "w"], ["y"], [], "dense")],
    [floatTensor("w", [64, 64], noise(4096))],
    13,
    [1, 64],
  );

describe("what becomes of a layer", () => {
  it.each<[string, Model, KnownRanges, Partial<SetupOptions>, string[]]>([
    ["with data to come", twoConvolutions(), "to come", {}, ["static", "static"]],
    [
      "without",
      twoConvolutions(),
      "none",
      {},
      Array<string>(2).fill(
        "needs calibration data: dynamic quantization of convolutions is slower than float",
      ),
    ],
    [
      "where its codes are no form of the target",
      dense(),
      "none",
      { formats: ["static-qdq"] },
      ["the target does not support this dynamically quantized layer"],
    ],
    ["at run time", dense(), "none", {}, ["dynamic"]],
    ["excluded", dense(), "none", { exclude: ["dense"] }, ["excluded"]],
    [
      "of a type that stays in float",
      dense(),
      "none",
      { floatOperators: ["MatMul"] },
      ["MatMul stays in float on the target"],
    ],
  ])("%s", (_, m, known, options, expected) => {
    expect(setupOf(m, known, options).map(([, became]) => became)).toEqual(expected);
  });

  it("is nothing where the operator set is too old", () => {
    const old = dense();
    old.opsetImports[0]!.version = 10n;
    expect(quantizationSetup(old, OPTIONS, "none", "test").graphs).toEqual([]);
  });
});

it("is what quantize-int8 writes and says, for random models with and without data", async () => {
  let [changed, kept] = [0, 0];
  for (let seed = 1; seed <= 80; seed++) {
    for (const withData of [false, true]) {
      const { model: m } = generateModel(seed);
      const statistics = withData ? ranges(m, -1, 3) : undefined;
      const known: KnownRanges = statistics ? { statistics, calibrator: "mse", percentile: 99.9 } : "none";
      const setup = setupOf(copyModel(m), known);
      const { nodes } = await run(m, statistics, { calibrator: "mse", percentile: 99.9 });
      for (const [name, became] of setup) {
        const isInt8 = became === "static" || became === "dynamic";
        const told = nodes.filter((node) => node.name === name);
        expect(told.some(({ status, reason }) => (isInt8 ? status === "changed" : reason === became))).toBe(
          true,
        );
        if (isInt8) changed++;
        else kept++;
      }
    }
  }
  // Most of these models are too small for int8 to pay.
  expect(changed).toBeGreaterThan(8);
  expect(kept).toBeGreaterThan(50);
});

it("is what round-weights rounds by: quantize-int8 finds the very codes", async () => {
  for (const [m, statistics] of [
    [twoConvolutions(), true],
    [dense(), false],
  ] as const) {
    const scope = { weightBits: 4, protectEnds: false };
    const rounding = roundWeights(scope);
    const context = { evaluator: undefined, seed: 0 };
    // Moments are not measured here, but that there are statistics says that convolutions will have codes.
    const measured = statistics ? ranges(m, -2, 4) : undefined;
    const rounded = await rounding.run(m, { ...context, statistics: measured });
    const floats = m.graph.initializers
      .filter(({ dims, dataType }) => dims.length > 1 && dataType === DataType.FLOAT)
      .map((tensor) => [...toFloat32(tensor)].map(Math.abs));
    const quantized = await quantizeInt8(scope).run(m, { ...context, statistics: measured });
    const names = (nodes: typeof rounded.nodes): string[] =>
      nodes.filter(({ status, opType }) => status === "changed" && opType !== "Relu").map(({ name }) => name);
    expect(names(rounded.nodes)).toEqual(names(quantized.nodes));
    const codes = m.graph.initializers.filter(({ dataType }) => dataType === DataType.INT8);
    expect(codes.length).toBe(floats.length);
    for (const tensor of codes) {
      const own = toNumbers(tensor).map(Math.abs);
      expect(Math.max(...own)).toBe(7);
      const twin = floats.find((values) => values.length === own.length)!;
      // Each code stands for its own float: as many zeros in the one as in the other.
      expect(own.filter((code) => code === 0).length).toBe(twin.filter((value) => value === 0).length);
    }
  }
});
