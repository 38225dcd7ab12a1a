import { expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  integerTensor,
  makeNode,
  tensorValue,
  type Model,
  type Tensor,
} from "../../src/ir/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { diffModels } from "../../src/inspect/diff-models.js";
import { diffText } from "../../src/report/diff-text.js";
import { tiny } from "../support/tiny-models.js";

const floatsOf = (name: string, dims: number[], values: number[]): Tensor =>
  floatTensor(name, dims, Float32Array.from(values));
const W = floatsOf("w", [3, 2], [1, 2, 3, 4, 5, 6]);
const product = (weight: Tensor, name = "dense"): Model =>
  tiny([makeNode("MatMul", ["x", weight.name ?? ""], ["y"], [], name)], { initializers: [weight] });

it("finds no difference between a model and itself", async () => {
  const diff = await diffModels(product(W), product(W));
  expect(diff).toMatchObject({
    parameters: { before: 6, after: 6 },
    macs: { before: 12, after: 12 },
    inputs: [],
    outputs: [],
  });
  expect(diff.operators).toEqual([{ opType: "MatMul", domain: "ai.onnx", before: 1, after: 1 }]);
  expect(diff.weights).toMatchObject([{ name: "w", matchedBy: "name", changed: false }]);
});

it("detects a changed value although all statistics are the same", async () => {
  const { weights } = await diffModels(product(W), product(floatsOf("w", [3, 2], [1, 3, 2, 4, 5, 6])));
  expect(weights).toMatchObject([
    { changed: true, before: { zeros: 0, distinct: 6 }, after: { zeros: 0, distinct: 6 } },
  ]);
});

it.each<[string, Model, string]>([
  ["the layer, when the name is another", product({ ...W, name: "v" }), "layer"],
  ["the shape, when the node is another as well", product({ ...W, name: "v" }, "other"), "shape"],
  [
    "the node, when the shape is another",
    tiny([makeNode("MatMul", ["x", "v"], ["y"], [], "dense")], {
      initializers: [floatsOf("v", [3, 1], [1, 2, 3])],
    }),
    "node",
  ],
])("matches weights by %s", async (_, after, matchedBy) => {
  expect((await diffModels(product(W), after)).weights).toMatchObject([
    { matchedBy, before: { name: "w" }, after: { name: "v" } },
  ]);
});

it("matches each weight at most once", async () => {
  const before = tiny(
    [makeNode("MatMul", ["x", "p"], ["a"], [], "first"), makeNode("MatMul", ["x", "q"], ["b"], [], "second")],
    {
      initializers: [
        { ...W, name: "p" },
        { ...W, name: "q" },
      ],
    },
  );
  const { weights } = await diffModels(before, product({ ...W, name: "q" }, "first"));
  expect(weights.map(({ before: a, after: b, matchedBy }) => [a?.name, b?.name, matchedBy])).toEqual([
    ["p", undefined, null],
    ["q", "q", "name"],
  ]);
});

it("recognizes a weight that is stored as codes, with the bytes of all its parts", async () => {
  const coded = tiny(
    [
      makeNode("Cast", ["codes"], ["f"], [attribute.int("to", DataType.FLOAT)]),
      makeNode("Mul", ["f", "scale"], ["w"]),
      makeNode("MatMul", ["x", "w"], ["y"], [], "dense"),
    ],
    {
      initializers: [
        integerTensor("codes", [3, 2], DataType.INT8, Int8Array.of(1, 2, 3, 4, 0, 6)),
        floatsOf("scale", [], [1]),
      ],
    },
  );
  const { weights, operators, parameters } = await diffModels(product(W), coded);
  expect(weights).toMatchObject([
    {
      name: "w",
      matchedBy: "name",
      changed: true,
      before: { bytes: 24, stored: "inline" },
      after: { bytes: 10, stored: "computed", zeros: null },
    },
  ]);
  expect(
    operators.filter(({ before, after }) => before !== after).map(({ opType, after }) => [opType, after]),
  ).toEqual([
    ["Cast", 1],
    ["Mul", 1],
  ]);
  expect(parameters).toEqual({ before: 6, after: 6 });
});

it("lists what only one of the models has", async () => {
  const after = product(W);
  after.graph.outputs.push(tensorValue("x2", DataType.FLOAT, [1]));
  after.graph.nodes.push(makeNode("Identity", ["b"], ["x2"]));
  after.graph.initializers.push(floatsOf("b", [1], [7]));
  after.opsetImports.push({ domain: "com.microsoft", version: 1n });
  const diff = await diffModels(product(W), after);
  expect(diff.outputs).toEqual([
    { name: "x2", before: null, after: { name: "x2", type: "float", shape: [1] } },
  ]);
  expect(diff.weights.filter(({ matchedBy }) => matchedBy === null)).toMatchObject([
    { name: "b", before: null, after: { bytes: 4 }, changed: true },
  ]);
  expect(diff.opsets).toEqual([
    { domain: "ai.onnx", before: 17, after: 17 },
    { domain: "com.microsoft", before: null, after: 1 },
  ]);
});

it("applies sizes to the model that has the input or symbol, and refuses unknown ones", async () => {
  const open = product(W);
  open.graph.inputs = [tensorValue("x", DataType.FLOAT, ["n", 3])];
  expect((await diffModels(open, product(W), { dims: { n: 2 } })).macs).toEqual({ before: 12, after: 12 });
  await expect(diffModels(open, product(W), { dims: { m: 2 } })).rejects.toMatchObject({
    code: "UNMATCHED_SELECTOR",
  });
});

it("compares sizes of files", async () => {
  const [a, b] = [encodeModelBytes(product(W)), encodeModelBytes(product(floatsOf("w", [3, 1], [1, 2, 3])))];
  expect((await diffModels(a, b)).size).toEqual({ before: a.byteLength, after: b.byteLength });
});

it("notes for both models which size was assumed to be one", async () => {
  const open = product(W);
  open.graph.inputs = [tensorValue("x", DataType.FLOAT, ["n", 3])];
  const diff = await diffModels(open, open);
  expect(diff.notes).toEqual(['The size "n" is open and was assumed to be 1. Set it with dims: { n: … }.']);
  expect(diffText(diff)).toContain(diff.notes[0]);
});
