/** Models in a line or two, with the types of inputs and outputs declared. */
import {
  makeNode,
  tensorValue,
  type DataType,
  type Dimension,
  type Model,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { bareModel } from "./bare-model.js";

export type Declared = Readonly<Record<string, readonly [type: DataType, shape?: readonly Dimension[]]>>;

/** A model of opset 21. */
export function tinyModel(
  nodes: Node[],
  inputs: Declared,
  outputs: Declared,
  initializers: Tensor[] = [],
): Model {
  const values = (declared: Declared) =>
    Object.entries(declared).map(([name, [type, shape]]) => tensorValue(name, type, shape));
  const graph = { name: "tiny", nodes, inputs: values(inputs), outputs: values(outputs), initializers };
  return bareModel(graph, { opset: 21, irVersion: 10n });
}

export function tinyBytes(...model: Parameters<typeof tinyModel>): Uint8Array {
  return encodeModelBytes(tinyModel(...model));
}

/** y = x, of one element type. */
export function identityBytes(type: DataType): Uint8Array {
  return tinyBytes([makeNode("Identity", ["x"], ["y"])], { x: [type, ["n"]] }, { y: [type, ["n"]] });
}
