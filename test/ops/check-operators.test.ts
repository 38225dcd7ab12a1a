import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  makeNode,
  tensorValue,
  type Node,
} from "../../src/ir/index.js";
import { assertSound, checkOperators, undescribedOperators } from "../../src/ops/check-operators.js";
import { operatorFacts, operatorVersions } from "../../src/ops/operator-facts.js";
import { tiny } from "../support/tiny-models.js";

const faults = (node: Node, opset = 17): string[] =>
  checkOperators(tiny([node], { opset })).map(({ message }) => message);

describe("a node's form", () => {
  it("is one of its operator's at the version that is imported", () => {
    expect(faults(makeNode("Clip", ["x", "", "x"], ["y"]))).toEqual([]);
    expect(faults(makeNode("Clip", ["x", "", "x"], ["y"]), 7)).toEqual([
      'node "y" (Clip of operator set 7): it has 3 inputs, but the operator takes 1; it would be valid in version 11 ' +
        "of the set; check which version the model imports",
    ]);
  });

  it("has inputs that are needed, and no more than there are", () => {
    expect(faults(makeNode("MatMul", ["x"], ["y"]))).toEqual([
      'node "y" (MatMul of operator set 17): it has 1 input, but the operator takes 2; ' +
        "export the model again, or correct the node",
    ]);
    expect(faults(makeNode("MatMul", ["x", ""], ["y"]))[0]).toContain("input 1 is missing, but required");
    expect(faults(makeNode("Concat", [], ["y"], [attribute.int("axis", 0)]))[0]).toContain(
      "it has no inputs, but the operator takes 1 or more",
    );
    expect(faults(makeNode("Relu", ["x"], ["y", "z"]))[0]).toContain(
      "it has 2 outputs, but the operator takes 1",
    );
  });

  it("has attributes that it knows, of their kind, and those that it needs", () => {
    expect(faults(makeNode("Concat", ["x"], ["y"]))[0]).toContain('its attribute "axis" is missing');
    expect(faults(makeNode("Concat", ["x"], ["y"], [attribute.float("axis", 0)]))[0]).toContain(
      'its attribute "axis" has the kind FLOAT and must be INT',
    );
    expect(faults(makeNode("Relu", ["x"], ["y"], [attribute.ints("consumed_inputs", [0])]))[0]).toContain(
      'has no attribute "consumed_inputs"; it would be valid in version 1',
    );
    expect(faults(makeNode("Relu", ["x"], ["y"], [attribute.int("__proto__", 1)]))).toEqual([]);
  });
});

describe("element types", () => {
  const ints = {
    initializers: [
      floatTensor("f", [2, 3], new Float32Array(6)),
      { ...floatTensor("i", [2, 3], new Float32Array(6)), dataType: DataType.INT32 },
    ],
  };
  const types = (...nodes: Node[]): string[] =>
    checkOperators(tiny(nodes, ints)).map(({ message }) => message);

  it("go together where the operator asks for one type, as far as they are known", () => {
    expect(types(makeNode("Add", ["f", "i"], ["y"]))).toEqual([
      'node "y" (Add of operator set 17): its input 1 ("i") is int32 where input 0 ("f") ' +
        "is float, but both must have the same type",
    ]);
    expect(types(makeNode("Relu", ["f"], ["a"]), makeNode("Add", ["i", "a"], ["y"]))[0]).toContain(
      '("a") is float where input 0 ("i") is int32',
    );
    expect(
      types(
        makeNode("Cast", ["f"], ["a"], [attribute.int("to", DataType.INT32)]),
        makeNode("Add", ["i", "a"], ["y"]),
      ),
    ).toEqual([]);
  });

  it("are ones that the operator takes", () => {
    expect(types(makeNode("Not", ["f"], ["y"]))[0]).toContain(
      'its input 0 ("f") is float, which the operator does not accept there',
    );
  });

  it("are what is declared about the values made", () => {
    const model = tiny([makeNode("Shape", ["x"], ["y"])]);
    model.graph.outputs = [tensorValue("y", DataType.INT32)];
    expect(checkOperators(model)).toEqual([
      { message: 'value "y" is declared as int32, and node "y" (Shape) produces int64' },
    ]);
  });

  it("in a body are those of the values it captures, unless it hides them", () => {
    const body = (inner: Node, inputs = [tensorValue("c", DataType.BOOL)]): Node =>
      makeNode(
        "Loop",
        ["", ""],
        ["l"],
        [attribute.graph("body", { ...emptyGraph("b"), inputs, nodes: [inner] })],
      );
    expect(types(body(makeNode("Add", ["f", "i"], ["z"])))).toHaveLength(1);
    expect(types(body(makeNode("Add", ["f", "i"], ["z"]), [tensorValue("i", DataType.FLOAT)]))).toEqual([]);
  });
});

describe("what is not described", () => {
  it("is left alone: other sets, newer versions, the runtime's own operators, the model's functions", () => {
    expect(faults({ ...makeNode("Relu", [], []), domain: "com.example" })).toEqual([]);
    expect(faults(makeNode("Relu", [], ["y"]), 999)).toEqual([]);
    expect(faults(makeNode("ScaledTanh", [], ["y"]))).toEqual([]);
    const fn = {
      name: "Relu",
      inputs: [],
      outputs: [],
      attributeNames: [],
      attributeDefaults: [],
      nodes: [],
      opsetImports: [],
      valueInfo: [],
    };
    expect(checkOperators({ ...tiny([makeNode("Relu", [], ["y"])]), functions: [fn] })).toEqual([]);
  });

  it("is an error in what edgec made, unless it was there before", () => {
    const model = tiny([makeNode("Upsample", ["x", "x"], ["y"])], { opset: 13 });
    expect([...undescribedOperators(model)]).toEqual([":Upsample"]);
    expect(() => assertSound(model, "m")).not.toThrow();
    expect(() => assertSound(model, "m", new Set())).toThrow("m: the imported operator set has no Upsample");
    expect(() => assertSound(model, "m", new Set([":Upsample"]))).not.toThrow();
  });
});

it("unfolds the table as the schemas have it", () => {
  expect(operatorVersions("", "BatchNormalization").map(({ since }) => since)).toEqual([1, 6, 7, 9, 14, 15]);
  expect(
    operatorFacts("", "Loop", 12)?.inputs.map(({ isOptional, isMany, least }) => [isOptional, isMany, least]),
  ).toEqual([
    [true, false, 0],
    [true, false, 0],
    [false, true, 0],
  ]);
  expect([...(operatorFacts("", "LSTM", 17)?.attributes.keys() ?? [])]).toHaveLength(8);
  expect(
    operatorFacts("ai.onnx.ml", "TreeEnsembleRegressor", 3)?.attributes.get("aggregate_function"),
  ).toEqual({ type: 3, isRequired: false });
  expect(operatorFacts("", "constructor", 17)).toBeUndefined();
});
