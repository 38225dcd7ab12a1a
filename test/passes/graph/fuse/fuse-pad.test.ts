import { describe, expect, it } from "vitest";
import {
  attribute,
  int64Tensor,
  intsAttribute,
  makeNode,
  type Attribute,
  type Node,
  type Tensor,
} from "../../../../src/ir/index.js";
import { fusePad } from "../../../../src/passes/graph/fuse/fuse-pad.js";
import { floats } from "../../../support/running.js";
import { fused, left, operators, scalar, tensor } from "../../../support/prove.js";

const { int, ints, string } = attribute;
const IMAGE = { x: floats([1, 2, 7, 8]) };
const pad = (from = "x", inputs: string[] = []): Node => makeNode("Pad", [from, "p", ...inputs], ["a"]);
const border = (values = [0, 0, 1, 0, 0, 0, 1, 2]): Tensor => int64Tensor("p", values);
const conv = (attributes: Attribute[] = []): Node => makeNode("Conv", ["a", "w"], ["y"], attributes);
const weight = tensor("w", [3, 2, 3, 3]);
const pool = (opType: string, attributes: Attribute[] = [], outputs = ["y"]): Node =>
  makeNode(opType, ["a"], outputs, [ints("kernel_shape", [3, 3]), ...attributes]);

describe("Conv", () => {
  it("adds the border to its own", async () => {
    const model = await fused(fusePad, [pad(), conv([ints("pads", [0, 1, 2, 0]), ints("strides", [2, 2])])], {
      feed: IMAGE,
      initializers: [weight, border()],
    });
    expect(operators(model)).toEqual(["Conv"]);
    expect(intsAttribute(model.graph.nodes[0]!, "pads")).toEqual([1, 1, 3, 2]);
  });

  it.each<[string, Node[], Tensor[], number]>([
    ["with no border of its own by auto_pad", [pad(), conv([string("auto_pad", "VALID")])], [border()], 17],
    [
      "of named axes",
      [makeNode("Pad", ["x", "p", "", "axes"], ["a"]), conv()],
      [int64Tensor("p", [1, 2]), int64Tensor("axes", [-1])],
      18,
    ],
    [
      "given as attributes",
      [makeNode("Pad", ["x"], ["a"], [ints("pads", [0, 0, 1, 0, 0, 0, 1, 2])]), conv()],
      [],
      9,
    ],
    ["of a given zero", [pad("x", ["zero"]), conv()], [border(), scalar("zero", 0)], 13],
  ])("takes a border %s", async (_, nodes, constants, opset) => {
    expect(await left(fusePad, nodes, { feed: IMAGE, opset, initializers: [weight, ...constants] })).toEqual([
      "Conv",
    ]);
  });

  it.each<[string, Node[], Tensor[]]>([
    ["of ones", [pad("x", ["one"]), conv()], [border(), scalar("one", 1)]],
    ["by reflection", [{ ...pad(), attributes: [string("mode", "reflect")] }, conv()], [border()]],
    ["that cuts", [pad(), conv()], [border([0, 0, -1, 0, 0, 0, 1, 2])]],
    ["of channels", [pad(), makeNode("Conv", ["a", "w"], ["y"])], [border([0, 1, 1, 0, 0, 0, 1, 2])]],
    [
      "before one chosen to fit",
      [pad(), conv([string("auto_pad", "SAME_UPPER"), ints("strides", [2, 2])])],
      [border()],
    ],
  ])("leaves a border %s", async (name, nodes, constants) => {
    const weights = name === "of channels" ? tensor("w", [3, 3, 3, 3]) : weight;
    expect(await left(fusePad, nodes, { feed: IMAGE, initializers: [weights, ...constants] })).toEqual([
      "Pad",
      "Conv",
    ]);
  });

  it("leaves a border that others use or that is an output", async () => {
    expect(
      await left(fusePad, [pad(), conv(), makeNode("Relu", ["a"], ["z"])], {
        feed: IMAGE,
        initializers: [weight, border()],
        outputs: ["y", "z"],
      }),
    ).toEqual(["Pad", "Conv", "Relu"]);
    expect(
      await left(fusePad, [pad(), conv()], {
        feed: IMAGE,
        initializers: [weight, border()],
        outputs: ["y", "a"],
      }),
    ).toEqual(["Pad", "Conv"]);
  });
});

describe("poolings", () => {
  const relu = makeNode("Relu", ["x"], ["r"]);
  it.each<[string, Node[], Tensor[]]>([
    ["AveragePool, which counts it", [pad(), pool("AveragePool")], [border()]],
    [
      "AveragePool that counts its own",
      [pad(), pool("AveragePool", [ints("pads", [1, 0, 0, 0]), int("count_include_pad", 1)])],
      [border()],
    ],
    [
      "MaxPool where nothing is negative",
      [relu, pad("r"), pool("MaxPool", [ints("strides", [2, 2])])],
      [border()],
    ],
    [
      "MaxPool when it is minus infinity",
      [pad("x", ["low"]), pool("MaxPool", [ints("pads", [1, 0, 0, 0])])],
      [border(), scalar("low", -Infinity)],
    ],
    [
      "MaxPool behind a Clip from 0",
      [makeNode("Clip", ["x", "zero"], ["r"]), pad("r"), pool("MaxPool")],
      [border(), scalar("zero", 0)],
    ],
  ])("goes into %s", async (_, nodes, constants) => {
    expect(await left(fusePad, nodes, { feed: IMAGE, initializers: constants })).not.toContain("Pad");
  });

  it.each<[string, Node[], Tensor[]]>([
    ["MaxPool of negative values", [pad(), pool("MaxPool")], [border()]],
    [
      "AveragePool that does not count its own",
      [pad(), pool("AveragePool", [ints("pads", [1, 1, 1, 1])])],
      [border()],
    ],
    [
      "AveragePool that goes on beyond the end",
      [pad(), pool("AveragePool", [int("ceil_mode", 1), ints("strides", [2, 2])])],
      [border()],
    ],
    ["a kernel that is not larger", [relu, pad("r"), pool("MaxPool")], [border([0, 0, 3, 0, 0, 0, 0, 0])]],
    ["MaxPool whose indices are wanted", [relu, pad("r"), pool("MaxPool", [], ["y", "i"])], [border()]],
    ["dilated MaxPool", [relu, pad("r"), pool("MaxPool", [ints("dilations", [2, 2])])], [border()]],
  ])("stays before %s", async (_, nodes, constants) => {
    expect(await left(fusePad, nodes, { feed: IMAGE, initializers: constants })).toContain("Pad");
  });
});
