/** Which nodes constant folding may evaluate. */
import { DataType, elementCount, isOp, subgraphsOf, toNumbers, type GraphEditor, type Node, type Tensor } from "../../ir/index.js";

/**
 * Operators that are never folded: those with a result of their own at every run; Q/DQ, which carry the int8 form of
 * weights; and those that make or take sequences and optionals, which an initializer cannot hold.
 */
const NEVER: ReadonlySet<string> = new Set([
  "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Dropout",
  "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear",
  "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength", "SplitToSequence", "ConcatFromSequence",
  "Optional", "OptionalGetElement", "OptionalHasElement", "StringNormalizer", "StringConcat", "StringSplit", "RegexFullMatch", "TfIdfVectorizer", "Constant",
]);

/** Operators whose output may be far larger than their inputs, with the input that says how large. */
const SIZE_INPUT: Readonly<Record<string, number>> = { ConstantOfShape: 0, Expand: 1, Tile: 1 };
/** The same, but the size cannot be read from one input; they are folded only when all their inputs are small. */
const GROWING: ReadonlySet<string> = new Set(["EyeLike", "OneHot", "Pad", "Range", "Resize", "Upsample", "CenterCropPad", "BlackmanWindow", "HannWindow", "HammingWindow"]);
const MAX_RANGE = 65_536;
const MAX_LENGTH = 64;
const READABLE: ReadonlySet<number> = new Set([
  DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.INT8, DataType.UINT8, DataType.INT16, DataType.UINT16, DataType.INT32, DataType.INT64, DataType.BOOL,
]);

/** The nodes of the editor's graph that can be computed before the model runs, in order; `rejected` are left out. */
export function foldableNodes(editor: GraphEditor, rejected: ReadonlySet<Node>, maxElements: number): Node[] {
  const computed = new Set<string>();
  const isKnown = (name: string): boolean => name === "" || computed.has(name) || (editor.constant(name)?.dataType ?? DataType.STRING) !== DataType.STRING;
  return editor.graph.nodes.filter((node) => {
    const foldable = isEligible(node) && !rejected.has(node) && node.inputs.every(isKnown) && isBounded(node, editor, maxElements)
      && !node.outputs.some((name) => editor.isOutput(name));
    if (foldable) for (const output of node.outputs) computed.add(output);
    return foldable;
  });
}

/** An initializer that is a graph output itself is not accepted everywhere, so nodes that make outputs stay. */
function isEligible(node: Node): boolean {
  return isOp(node, node.opType) && !NEVER.has(node.opType) && subgraphsOf(node).length === 0 && node.inputs.some((name) => name !== "");
}

/** Refuses what would be too large before it is computed. Sizes that are computed themselves are known in the next round. */
function isBounded(node: Node, editor: GraphEditor, maxElements: number): boolean {
  const index = SIZE_INPUT[node.opType];
  if (index === undefined) return !GROWING.has(node.opType) || node.inputs.every((name) => name === "" || areSmall(editor.constant(name)));
  const size = numbersOf(editor.constant(node.inputs[index] ?? ""));
  if (!size) return false;
  const grown = size.reduce((product, dim) => product * Math.max(1, dim), 1);
  const data = isOp(node, "Tile") ? editor.constant(node.inputs[0] ?? "") : undefined;
  return grown * (data ? elementCount(data) : 1) <= maxElements;
}

function areSmall(tensor: Tensor | undefined): boolean {
  return numbersOf(tensor)?.every((value) => Math.abs(value) <= MAX_RANGE) ?? false;
}

/** The values of a short constant of a type that is read here. */
function numbersOf(tensor: Tensor | undefined): number[] | undefined {
  return tensor && READABLE.has(tensor.dataType) && elementCount(tensor) <= MAX_LENGTH ? toNumbers(tensor) : undefined;
}
