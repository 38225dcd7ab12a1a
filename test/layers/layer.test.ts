import { expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  GraphEditor,
  makeNode,
  tensorValue,
  type Attribute,
} from "../../src/ir/index.js";
import { readModel } from "../../src/onnx/index.js";
import { plainLayers } from "../../src/layers/layer.js";
import { floats } from "../support/running.js";
import { branch, FLAG, tiny } from "../support/tiny-models.js";

const { int } = attribute;
const weight = (name: string, ...dims: number[]) =>
  floatTensor(name, dims, new Float32Array(dims.reduce((a, b) => a * b, 1)));

it.each<
  [
    string,
    string,
    string[],
    number[],
    Attribute[],
    { inputIndex: number; channelAxis: number; kind: string; depthwise: boolean; groups: number },
  ]
>([
  [
    "Conv",
    "Conv",
    ["x", "w"],
    [6, 4, 3, 3],
    [],
    { inputIndex: 1, channelAxis: 0, kind: "conv", depthwise: false, groups: 1 },
  ],
  [
    "a depthwise Conv",
    "Conv",
    ["x", "w"],
    [8, 1, 3, 3],
    [int("group", 4)],
    { inputIndex: 1, channelAxis: 0, kind: "conv", depthwise: true, groups: 4 },
  ],
  [
    "Conv over one channel",
    "Conv",
    ["x", "w"],
    [8, 1, 3, 3],
    [],
    { inputIndex: 1, channelAxis: 0, kind: "conv", depthwise: false, groups: 1 },
  ],
  [
    "ConvTranspose in groups",
    "ConvTranspose",
    ["x", "w"],
    [6, 4, 2, 2],
    [int("group", 2)],
    { inputIndex: 1, channelAxis: 1, kind: "conv-transpose", depthwise: false, groups: 2 },
  ],
  [
    "MatMul",
    "MatMul",
    ["x", "w"],
    [4, 5],
    [],
    { inputIndex: 1, channelAxis: 1, kind: "matmul", depthwise: false, groups: 1 },
  ],
  [
    "MatMul from the left",
    "MatMul",
    ["w", "x"],
    [4, 5],
    [],
    { inputIndex: 0, channelAxis: 0, kind: "matmul", depthwise: false, groups: 1 },
  ],
  [
    "Gemm",
    "Gemm",
    ["x", "w"],
    [4, 5],
    [],
    { inputIndex: 1, channelAxis: 1, kind: "gemm", depthwise: false, groups: 1 },
  ],
  [
    "Gemm with transB",
    "Gemm",
    ["x", "w"],
    [5, 4],
    [int("transB", 1)],
    { inputIndex: 1, channelAxis: 0, kind: "gemm", depthwise: false, groups: 1 },
  ],
  [
    "Gather along a negative axis",
    "Gather",
    ["w", "x"],
    [4, 5],
    [int("axis", -1)],
    { inputIndex: 0, channelAxis: 1, kind: "embedding", depthwise: false, groups: 1 },
  ],
])("finds the weight of %s", (_, opType, inputs, dims, attributes, expected) => {
  const model = tiny([makeNode(opType, inputs, ["y"], attributes)], { initializers: [weight("w", ...dims)] });
  expect([...plainLayers(GraphEditor.forMainGraph(model))]).toMatchObject([expected]);
});

it("finds both weights of a recurrent node", () => {
  const model = tiny([makeNode("GRU", ["x", "w", "r"], ["y"], [int("hidden_size", 2)])], {
    initializers: [weight("w", 1, 6, 3), weight("r", 1, 6, 2)],
  });
  expect(
    [...plainLayers(GraphEditor.forMainGraph(model))].map(({ tensor, channelAxis, biasIndex }) => [
      tensor.name,
      channelAxis,
      biasIndex,
    ]),
  ).toEqual([
    ["w", 1, 3],
    ["r", 1, 3],
  ]);
});

it("finds constants of the graph around a body, and no vectors, computed values or defaults", () => {
  const model = tiny(
    [
      makeNode(
        "If",
        ["c"],
        ["i"],
        [
          branch("then_branch", [makeNode("MatMul", ["x", "w"], ["t"])]),
          branch("else_branch", [makeNode("Relu", ["x"], ["e"])]),
        ],
      ),
      makeNode("MatMul", ["i", "v"], ["p"]),
      makeNode("Gather", ["v", "p"], ["q"]),
      makeNode("MatMul", ["q", "d"], ["y"]),
    ],
    {
      feed: { ...FLAG, x: floats([3, 4]) },
      initializers: [weight("w", 4, 4), weight("v", 4), weight("d", 4, 4)],
    },
  );
  model.graph.inputs.push(tensorValue("d", DataType.FLOAT));
  expect(
    GraphEditor.forModel(model).map((editor) => [...plainLayers(editor)].map(({ tensor }) => tensor.name)),
  ).toEqual([[], ["w"], []]);
});

it("finds the 26 convolutions of a MobileNet, 8 of them depthwise, and its classifier", () => {
  const sites = [...plainLayers(GraphEditor.forMainGraph(readModel("fixtures/models/mbv2.onnx")))];
  expect([
    sites.length,
    sites.filter((site) => site.depthwise).length,
    sites.filter((site) => site.kind === "gemm").length,
  ]).toEqual([27, 8, 1]);
});
