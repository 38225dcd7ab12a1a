import { describe, expect, it } from "vitest";
import { emptyGraph, floatTensor, makeNode, type Model } from "../../src/ir/index.js";
import { selectNodes } from "../../src/ops/select.js";

const nodes = [
  makeNode("Conv", ["x", "w"], ["a"], [], "block1/conv"),
  makeNode("Relu", ["a"], ["b"]),
  makeNode("Conv", ["b", "w"], ["y"], [], "block2/conv"),
];
const model: Model = {
  opsetImports: [],
  functions: [],
  trainingInfo: [],
  deviceConfigurations: [],
  graph: { ...emptyGraph("g"), nodes, initializers: [floatTensor("w", [1], Float32Array.of(1))] },
};
const selected = (...selectors: string[]): string[] => {
  const selection = selectNodes(model, selectors, "some-pass");
  return nodes.filter((node) => selection.has(node)).map((node) => node.outputs[0]!);
};

describe("selectNodes", () => {
  it("takes a name, or the first output of a node without one", () => {
    expect(selected("block1/conv", "b")).toEqual(["a", "b"]);
  });

  it("takes * for any text and ? for any character", () => {
    expect(selected("block2*")).toEqual(["y"]);
    expect(selected("block?/conv")).toEqual(["a", "y"]);
  });

  it("takes an operator type and an index", () => {
    expect(selected("Conv")).toEqual(["a", "y"]);
    expect(selected("#1")).toEqual(["b"]);
  });

  it("takes the name of a constant", () => {
    expect(selectNodes(model, ["w"], "some-pass").has(nodes[1]!, "w")).toBe(true);
  });

  it("refuses what matches nothing, with the nearest name", () => {
    expect(() => selected("block1/cnv")).toThrow(
      'some-pass: "block1/cnv" does not match any node, constant or operator type of the model. ' +
        'Did you mean "block1/conv"?',
    );
    expect(() => selected("#7")).toThrow("#7");
    expect(() => selected("block3*")).toThrow("block3*");
  });
});
