/** A model of one MatMul, small enough to read: y = x · w. */
import { DataType, emptyGraph, floatTensor, makeNode, tensorValue, type Model } from "../../src/ir/index.js";

export function matMulModel(weights: Float32Array = Float32Array.of(1, 2, 3, 4)): Model {
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    graph: {
      ...emptyGraph("g"),
      inputs: [tensorValue("x", DataType.FLOAT, [1, 2])],
      outputs: [tensorValue("y", DataType.FLOAT, [1, 2])],
      initializers: [floatTensor("w", [2, 2], weights)],
      nodes: [makeNode("MatMul", ["x", "w"], ["y"], [], "dense/MatMul")],
    },
  };
}
