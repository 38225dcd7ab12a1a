import { expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  int64Tensor,
  makeNode,
  tensorValue,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import { operatorTests } from "../support/operator-archive.js";
import { decodeModel } from "../../src/onnx/index.js";
import { inferTypes, staticCount } from "../../src/ops/shapes.js";
import { floats } from "../support/running.js";
import { tiny } from "../support/tiny-models.js";

const { float, int, ints, string } = attribute;
const FLOAT = DataType.FLOAT;
const IMAGE = { x: floats([2, 3, 4, 5]) };

it.each<[string, Node, number, unknown[] | undefined, Tensor[]?]>([
  ["Relu", makeNode("Relu", ["x"], ["y"]), FLOAT, [2, 3, 4, 5]],
  [
    "Add, which broadcasts",
    makeNode("Add", ["x", "w"], ["y"]),
    FLOAT,
    [2, 3, 4, 5],
    [floatTensor("w", [3, 1, 1], new Float32Array(3))],
  ],
  ["Less", makeNode("Less", ["x", "x"], ["y"]), DataType.BOOL, [2, 3, 4, 5]],
  ["Cast", makeNode("Cast", ["x"], ["y"], [int("to", DataType.INT32)]), DataType.INT32, [2, 3, 4, 5]],
  ["Shape", makeNode("Shape", ["x"], ["y"]), DataType.INT64, [4]],
  [
    "Conv",
    makeNode("Conv", ["x", "w"], ["y"]),
    FLOAT,
    [2, 6, 4, 5],
    [floatTensor("w", [6, 3, 1, 1], new Float32Array(18))],
  ],
  ["GlobalAveragePool", makeNode("GlobalAveragePool", ["x"], ["y"]), FLOAT, [2, 3, 1, 1]],
  ["Reshape", makeNode("Reshape", ["x", "s"], ["y"]), FLOAT, [2, 12, 5], [int64Tensor("s", [0, -1, 5])]],
  ["Transpose", makeNode("Transpose", ["x"], ["y"], [ints("perm", [0, 2, 3, 1])]), FLOAT, [2, 4, 5, 3]],
  [
    "ReduceMean",
    makeNode("ReduceMean", ["x"], ["y"], [ints("axes", [-1]), int("keepdims", 0)]),
    FLOAT,
    [2, 3, 4],
  ],
  [
    "Unsqueeze",
    makeNode("Unsqueeze", ["x", "a"], ["y"]),
    FLOAT,
    [1, 2, 3, 4, 5, 1],
    [int64Tensor("a", [0, -1])],
  ],
  ["Concat", makeNode("Concat", ["x", "x"], ["y"], [int("axis", 1)]), FLOAT, [2, 6, 4, 5]],
  [
    "MatMul",
    makeNode("MatMul", ["x", "w"], ["y"]),
    FLOAT,
    [2, 3, 4, 7],
    [floatTensor("w", [5, 7], new Float32Array(35))],
  ],
  [
    "Attention of heads that are an axis",
    makeNode("Attention", ["x", "x", "v"], ["y"]),
    FLOAT,
    [2, 3, 4, 6],
    [floatTensor("v", [2, 3, 4, 6], new Float32Array(144))],
  ],
  [
    "Attention of heads side by side",
    makeNode("Attention", ["q", "q", "v"], ["y"], [int("q_num_heads", 4), int("kv_num_heads", 2)]),
    FLOAT,
    [2, 3, 12],
    [floatTensor("q", [2, 3, 8], new Float32Array(48)), floatTensor("v", [2, 3, 6], new Float32Array(36))],
  ],
  ["RotaryEmbedding", makeNode("RotaryEmbedding", ["x", "x", "x"], ["y"]), FLOAT, [2, 3, 4, 5]],
  [
    "DequantizeLinear into a type that it names",
    makeNode("DequantizeLinear", ["x", "w"], ["y"], [int("output_dtype", DataType.FLOAT16)]),
    DataType.FLOAT16,
    [2, 3, 4, 5],
    [floatTensor("w", [], new Float32Array(1))],
  ],
  [
    "Pow of version 6, laid at an axis",
    makeNode("Pow", ["x", "w"], ["y"], [int("broadcast", 1), int("axis", 1)]),
    FLOAT,
    [2, 3, 4, 5],
    [floatTensor("w", [3], new Float32Array(3))],
  ],
  [
    "Upsample of version 1",
    makeNode("Upsample", ["x"], ["y"], [float("height_scale", 2), float("width_scale", 3)]),
    FLOAT,
    [2, 3, 8, 15],
  ],
  [
    "an operator that it does not know",
    makeNode("NoSuchOperator", ["x", "x"], ["y"], [string("k", "v")]),
    0,
    undefined,
  ],
])("knows what %s makes", (_, node, elementType, shape, initializers = []) => {
  const type = inferTypes(tiny([node], { feed: IMAGE, initializers }).graph).get("y");
  expect(type).toEqual(elementType === 0 ? undefined : { elementType, shape });
});

it("adds what it infers to what is declared, and never overrules it", () => {
  const model = tiny([makeNode("Relu", ["x"], ["y"])], { feed: IMAGE });
  model.graph.outputs = [tensorValue("y", FLOAT, ["n", 3, undefined, 9])];
  expect(inferTypes(model.graph).get("y")?.shape).toEqual([2, 3, 4, 9]);
});

it("counts elements only when every size is known", () => {
  expect([staticCount([2, 3]), staticCount([]), staticCount(["n", 3]), staticCount(undefined)]).toEqual([
    6,
    1,
    undefined,
    undefined,
  ]);
});

it("contradicts no declaration of the official operator models", () => {
  const wrong: string[] = [];
  let known = 0;
  for (const test of operatorTests()) {
    const { graph } = decodeModel(test.model);
    const declared = new Map(graph.outputs.map((output) => [output.name, output.type?.tensor]));
    const inferred = inferTypes({ ...graph, outputs: graph.outputs.map(({ name }) => ({ name })) });
    for (const [name, type] of declared) {
      const found = inferred.get(name);
      if (!type || !found) continue;
      known++;
      const shapesAgree =
        !type.shape ||
        !found.shape ||
        (type.shape.length === found.shape.length &&
          type.shape.every(
            (dim, k) =>
              typeof dim !== "number" || typeof found.shape?.[k] !== "number" || dim === found.shape[k],
          ));
      if (type.elementType !== found.elementType || !shapesAgree)
        wrong.push(`${test.name}: ${JSON.stringify(found)} where ${JSON.stringify(type)} is declared`);
    }
  }
  expect(wrong).toEqual([]);
  expect(known).toBeGreaterThan(1000);
});
