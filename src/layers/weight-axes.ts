/** The axes along which the scale of a stored weight varies: the output channels of its operator. */
import { isOp, isStandard, operatorName } from "../ir/index.js";
import type { Node } from "../ir/index.js";
import { weightFact, type WeightKind } from "../ops/weights.js";

/** With fewer values per scale, the scales would cancel the saving for an elementwise constant. */
const MIN_ROW = 32;

/**
 * The channel axes of input `index` of `node`, or the reason why that input is not a weight to store as int8.
 * Recurrent weights [directions, gates × hidden, input] have a scale per direction and row.
 */
export function weightAxes(node: Node, index: number, dims: readonly number[]): readonly number[] | string {
  const rank = dims.length;
  if (rank < 2) return "is a vector, which is small and sensitive to rounding";
  const fact = weightFact(node);
  if (fact)
    return fact.weights.includes(index)
      ? factAxes(fact.kind, fact.channelAxis(node, index, rank), rank)
      : notWeight(node);
  if (!isOp(node, "Add", "Sub", "Mul", "Div", "Transpose", "Concat", "Reshape", "Expand", "Where"))
    return notWeight(node);
  if (dims.filter((dim) => dim > 1).length < 2)
    return "is a vector, which is small and sensitive to rounding";
  return (dims.at(-1) ?? 1) >= MIN_ROW ? leadingAxes(rank - 1) : [];
}

function notWeight(node: Node): string {
  if (!isStandard(node) && !weightFact(node))
    return `feeds ${operatorName(node)}, whose use of the weight is not known`;
  return `is not a weight of ${node.opType}`;
}

/** The channel axis, plus the directions of a recurrent weight or the batch axes of a stack of matrices. */
function factAxes(kind: WeightKind, channelAxis: number, rank: number): number[] {
  if (kind === "recurrent") return [0, channelAxis];
  return kind === "matmul" ? [...leadingAxes(rank - 2), channelAxis] : [channelAxis];
}

function leadingAxes(count: number): number[] {
  return Array.from({ length: count }, (_, axis) => axis);
}
