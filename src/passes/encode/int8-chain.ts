/** The chain that makes a weight of int8 codes and their scales. */
import { attribute, DataType, floatTensor, integerTensor, makeNode, type Node, type Tensor } from "../../ir/index.js";
import type { FreeNames } from "./free-names.js";
import type { Int8Channels } from "./int8-channels.js";

export interface Int8Chain {
  readonly nodes: Node[];
  readonly constants: Tensor[];
}

/** Codes → Cast(float) → Mul(scale), and Cast to the weight's own type where that is half precision. */
export function int8Chain(
  tensor: Tensor,
  { codes, scales }: Int8Channels,
  axes: readonly number[],
  names: Pick<FreeNames, "next">,
): { nodes: Node[]; constants: Tensor[] } {
  const [code, float, scale] = [names.next(), names.next(), names.next()];
  const isFloat = tensor.dataType === DataType.FLOAT;
  const product = isFloat ? (tensor.name ?? "") : names.next();
  const nodes = [
    makeNode("Cast", [code], [float], [attribute.int("to", DataType.FLOAT)]),
    makeNode("Mul", [float, scale], [product]),
  ];
  if (!isFloat) nodes.push(makeNode("Cast", [product], [tensor.name ?? ""], [attribute.int("to", tensor.dataType)]));
  const last = nodes.at(-1)!;
  if (tensor.docString) last.docString = tensor.docString;
  if (tensor.metadata?.length) last.metadata = tensor.metadata;
  const scaleDims = scales.length === 1 ? [] : tensor.dims.map((dim, axis) => (axes.includes(axis) ? dim : 1));
  return {
    nodes,
    constants: [integerTensor(code, tensor.dims, DataType.INT8, codes), floatTensor(scale, scaleDims, scales)],
  };
}
