/**
 * The memory that a decoding chain takes while onnxruntime loads the model. Folding computes a chain node by
 * node and keeps every result until all chains of the graph are done, so the peak is their sum.
 */
import {
  byteSize,
  DataType,
  elementCount,
  getAttribute,
  intAttribute,
  isStandard,
  toNumbers,
  type Node,
  type Tensor,
} from "../../ir/index.js";

/** A constant of a chain: its shape, and its values, which are read only where they are few. */
export interface ChainConstant {
  readonly dims: readonly number[];
  readonly dataType: DataType;
  readonly tensor: () => Tensor;
}

export interface ChainCost {
  /** Bytes that each node of the chain outputs, in order. */
  readonly made: readonly number[];
  /** Bytes of all results but the last, which is the constant itself. */
  readonly held: number;
}

interface Value {
  readonly count: number;
  /** Where they are known. */
  readonly dims?: readonly number[];
  readonly type: DataType;
}

/**
 * Operators of chains; the output sizes of others are not known here. stored-forms.ts relies on their meaning and
 * attributes, as chains use them, being the same from operator set 9 to 26.
 */
export const CHAIN_OPERATORS: ReadonlySet<string> = new Set([
  "Add",
  "BitShift",
  "Cast",
  "Concat",
  "ConstantOfShape",
  "CumSum",
  "Div",
  "Gather",
  "GatherElements",
  "Identity",
  "Mod",
  "Mul",
  "Reshape",
  "ScatterElements",
  "Slice",
  "Split",
  "Sub",
  "Transpose",
]);

/** The cost of nodes in order, given the constants that they read; undefined if one cannot be in a chain. */
export function chainCost(
  nodes: readonly Node[],
  constantOf: (name: string) => ChainConstant | undefined,
): ChainCost | undefined {
  const values = new Map<string, Value>();
  const valueOf = (name: string): Value | undefined => {
    const constant = values.has(name) ? undefined : constantOf(name);
    return constant
      ? { count: elementCount(constant), dims: constant.dims, type: constant.dataType }
      : values.get(name);
  };
  const made: number[] = [];
  for (const node of nodes) {
    const inputs = node.inputs.map(valueOf);
    if (
      !isStandard(node) ||
      !CHAIN_OPERATORS.has(node.opType) ||
      !inputs.every((input) => input !== undefined)
    )
      return undefined;
    const output = outputOf(node, inputs, constantOf);
    values.set(node.outputs[0] ?? "", output);
    made.push(byteSize(output.type, output.count) ?? 0);
  }
  return { made, held: made.slice(0, -1).reduce((sum, bytes) => sum + bytes, 0) };
}

function outputOf(
  node: Node,
  inputs: readonly Value[],
  constantOf: (name: string) => ChainConstant | undefined,
): Value {
  const [first = { count: 0, type: DataType.FLOAT }, second] = inputs;
  const numbers = (index: number): number[] => {
    const tensor = constantOf(node.inputs[index] ?? "")?.tensor();
    return tensor ? toNumbers(tensor) : [];
  };
  switch (node.opType) {
    case "Cast":
      return { ...first, type: intAttribute<number>(node, "to", DataType.FLOAT) };
    case "ConstantOfShape":
      return {
        count: numbers(0).reduce((product, dim) => product * dim, 1),
        type: getAttribute(node, "value")?.t?.dataType ?? DataType.FLOAT,
      };
    case "Concat":
      return { count: inputs.reduce((sum, { count }) => sum + count, 0), type: first.type };
    case "Gather":
    case "GatherElements":
      return { count: second?.count ?? 0, type: first.type };
    case "Slice":
      return { count: Math.min(first.count, numbers(2)[0] ?? first.count), type: first.type };
    case "Add":
    case "BitShift":
    case "Div":
    case "Mod":
    case "Mul":
    case "Sub":
      return { count: broadcastCount(inputs), type: first.type };
    default:
      return { count: first.count, type: first.type };
  }
}

/**
 * Where a shape is not known, a column of shape [k, 1] makes k · m with the m others, which are a row then; all else
 * is as large as the larger operand.
 */
function broadcastCount(inputs: readonly Value[]): number {
  const [a, b] = inputs.map(({ dims }) => dims);
  if (a && b) return elementsOfBroadcast(a, b);
  const at = inputs.findIndex(({ dims }) => dims?.length === 2 && dims[1] === 1);
  return at < 0
    ? Math.max(...inputs.map(({ count }) => count))
    : (inputs[at]?.dims?.[0] ?? 1) * (inputs[1 - at]?.count ?? 1);
}

function elementsOfBroadcast(a: readonly number[], b: readonly number[]): number {
  const rank = Math.max(a.length, b.length);
  let count = 1;
  for (let axis = 1; axis <= rank; axis++) {
    const [own, other] = [a.at(-axis) ?? 1, b.at(-axis) ?? 1];
    count *= own === 1 ? other : own;
  }
  return count;
}
