/** Along which axes the scale of a stored weight varies: those that belong to different outputs of its operator. */
import { isOp, isStandard } from "../../ir/index.js";
import type { Node } from "../../ir/index.js";
import { weightFact, type WeightKind } from "../../ops/weights.js";

/** Below this many values to a scale, scales would eat the saving of an elementwise constant. */
const MIN_ROW = 32;

/**
 * The channel axes of input `index` of `node`, or the reason why that input is not a weight to be stored as int8.
 * Recurrent weights [directions, gates × hidden, input] have a scale per direction and row.
 */
export function weightAxes(node: Node, index: number, dims: readonly number[]): readonly number[] | string {
  const rank = dims.length;
  if (rank < 2) return "is a vector, which costs little and is sensitive";
  const fact = weightFact(node);
  if (fact) return fact.weights.includes(index) ? factAxes(fact.kind, fact.channelAxis(node, index, rank), rank) : notWeight(node);
  if (!isOp(node, "Add", "Sub", "Mul", "Div", "Transpose", "Concat", "Reshape", "Expand", "Where")) return notWeight(node);
  if (dims.filter((dim) => dim > 1).length < 2) return "is a vector, which costs little and is sensitive";
  return (dims.at(-1) ?? 1) >= MIN_ROW ? leadingAxes(rank - 1) : [];
}

function notWeight(node: Node): string {
  if (!isStandard(node)
    && !weightFact(node)) return `feeds ${node.domain ?? ""}.${node.opType}, of which it is not known what it does with its inputs`;
  return `is no weight of ${node.opType}`;
}

/** The channel axis, with the directions of a recurrent weight and the batch axes of a stack of matrices. */
function factAxes(kind: WeightKind, channelAxis: number, rank: number): number[] {
  if (kind === "recurrent") return [0, channelAxis];
  return kind === "matmul" ? [...leadingAxes(rank - 2), channelAxis] : [channelAxis];
}

function leadingAxes(count: number): number[] {
  return Array.from({ length: count }, (_, axis) => axis);
}
