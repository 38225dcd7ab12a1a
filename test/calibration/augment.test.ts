import { describe, expect, it } from "vitest";
import { locate, modelComputing, modelOfShapes } from "../../src/calibration/augment.js";
import { attribute, DataType, emptyGraph, floatTensor, makeNode, tensorValue } from "../../src/ir/index.js";
import { model } from "../support/feed-models.js";

const chain = () =>
  model(
    ["n"],
    [
      makeNode("Mul", ["x", "two"], ["a"]),
      makeNode("Relu", ["a"], ["b"]),
      makeNode("Add", ["b", "three"], ["c"]),
    ],
    [floatTensor("two", [], Float32Array.of(2)), floatTensor("three", [], Float32Array.of(3))],
  );

describe("locate", () => {
  it("distinguishes computed tensors from inputs, constants and unknown names", () => {
    const located = locate(chain().graph, ["b", "x", "two", "nowhere", ""]);
    expect([located.computed, located.inputs, located.constants.map((t) => t.name)]).toEqual([
      ["b"],
      ["x"],
      ["two"],
    ]);
  });

  it("does not find tensors in bodies of control flow, or sequences", () => {
    const body = {
      ...emptyGraph("body"),
      nodes: [makeNode("Relu", ["x"], ["inner"])],
      outputs: [tensorValue("inner", DataType.FLOAT)],
    };
    const graph = model(
      ["n"],
      [
        makeNode("If", ["cond"], ["y"], [attribute.graph("then_branch", body)]),
        makeNode("SequenceConstruct", ["x"], ["s"]),
      ],
    ).graph;
    expect(locate(graph, ["inner", "y", "s"]).computed).toEqual(["y"]);
  });
});

describe("modelComputing", () => {
  it("keeps only what the tensors need, and does not change the model", () => {
    const original = chain();
    const cut = modelComputing(original, ["b"]);
    expect(cut.graph.nodes.map((node) => node.opType)).toEqual(["Mul", "Relu"]);
    expect(cut.graph.initializers.map((tensor) => tensor.name)).toEqual(["two"]);
    expect(cut.graph.outputs).toEqual([{ name: "b" }]);
    expect(original).toEqual(chain());
  });

  it("keeps what a body captures", () => {
    const body = {
      ...emptyGraph("body"),
      nodes: [makeNode("Relu", ["a"], ["inner"])],
      outputs: [tensorValue("inner", DataType.FLOAT)],
    };
    const cut = modelComputing(
      model(
        ["n"],
        [makeNode("Neg", ["x"], ["a"]), makeNode("If", ["x"], ["y"], [attribute.graph("then_branch", body)])],
      ),
      ["y"],
    );
    expect(cut.graph.nodes.map((node) => node.opType)).toEqual(["Neg", "If"]);
  });

  it("keeps constants that older files declare as inputs too", () => {
    const old = chain();
    old.graph.inputs.push(tensorValue("three", DataType.FLOAT, []));
    expect(modelComputing(old, ["a"]).graph.initializers.map((tensor) => tensor.name)).toEqual([
      "two",
      "three",
    ]);
  });
});

it("modelOfShapes adds a Shape after each tensor, under new names", () => {
  const taken = chain();
  taken.graph.nodes[0]!.outputs[0] = "shape_of_0";
  taken.graph.nodes[1]!.inputs[0] = "shape_of_0";
  const { model: probe, outputs } = modelOfShapes(taken, ["shape_of_0", "b"]);
  expect(outputs).toEqual(["_shape_of_0", "_shape_of_1"]);
  expect(probe.graph.nodes.slice(-2).map((node) => [node.opType, ...node.inputs, ...node.outputs])).toEqual([
    ["Shape", "shape_of_0", "_shape_of_0"],
    ["Shape", "b", "_shape_of_1"],
  ]);
});
