/** Along which axes the scale of a stored weight varies: those that belong to different outputs of its operator. */
import { intAttribute, isOp } from "../../ir/index.js";
import type { Node } from "../../ir/index.js";

/** Below this many values to a scale, scales would eat the saving of an elementwise constant. */
const MIN_ROW = 32;

/**
 * The channel axes of input `index` of `node`, or the reason why that input is not a weight to be stored as int8.
 * Recurrent weights [directions, gates × hidden, input] have a scale per direction and row.
 */
export function weightAxes(node: Node, index: number, dims: readonly number[]): readonly number[] | string {
  const rank = dims.length;
  if (rank < 2) return "is a vector, which costs little and is sensitive";
  if (isOp(node, "Conv")) return index === 1 ? [0] : notWeight(node);
  if (isOp(node, "ConvTranspose")) return index === 1 ? [1] : notWeight(node);
  if (isOp(node, "LSTM", "GRU", "RNN")) return index === 1 || index === 2 ? [0, 1] : notWeight(node);
  if (isOp(node, "Gather")) return index === 0 ? [((intAttribute(node, "axis", 0) % rank) + rank) % rank] : notWeight(node);
  if (isOp(node, "MatMul")) return allBut(rank, index === 1 ? rank - 2 : rank - 1);
  if (isOp(node, "Gemm") && index < 2) {
    const transposed = intAttribute(node, index === 0 ? "transA" : "transB", 0) !== 0;
    return [(index === 0) !== transposed ? 0 : 1];
  }
  if (!isOp(node, "Add", "Sub", "Mul", "Div", "Transpose", "Concat", "Reshape", "Expand", "Where")) return notWeight(node);
  if (dims.filter((dim) => dim > 1).length < 2) return "is a vector, which costs little and is sensitive";
  return (dims.at(-1) ?? 1) >= MIN_ROW ? allBut(rank, rank - 1) : [];
}

function notWeight(node: Node): string {
  return `is no weight of ${node.opType}`;
}

function allBut(rank: number, axis: number): number[] {
  return Array.from({ length: rank }, (_, k) => k).filter((k) => k !== axis);
}
