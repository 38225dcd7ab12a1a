/** A model of one MatMul, small enough to read: y = x · w. */
import { DataType, floatTensor, makeNode, tensorValue, type Model } from "../../src/ir/index.js";
import { bareModel } from "./bare-model.js";

export function matMulModel(weights: Float32Array = Float32Array.of(1, 2, 3, 4)): Model {
  return bareModel({
    inputs: [tensorValue("x", DataType.FLOAT, [1, 2])],
    outputs: [tensorValue("y", DataType.FLOAT, [1, 2])],
    initializers: [floatTensor("w", [2, 2], weights)],
    nodes: [makeNode("MatMul", ["x", "w"], ["y"], [], "dense/MatMul")],
  });
}
