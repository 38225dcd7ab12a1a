/** Which nodes constant folding may evaluate. */
import {
  DataType,
  elementCount,
  isOp,
  isStandard,
  subgraphsOf,
  toNumbers,
  type GraphEditor,
  type Node,
  type Tensor,
  type TensorType,
} from "../../ir/index.js";
import { inferOutputs } from "../../ops/shape-rules.js";
import { staticCount } from "../../ops/shapes.js";
import type { CallBodies } from "./call-bodies.js";
import { RANDOM_OPERATORS } from "../../ops/random-operators.js";

/**
 * Operators that are never folded: those with a result of their own at every run; Q/DQ, which carry the
 * int8 form of weights; and those that make or take sequences and optionals, which an initializer cannot
 * hold.
 */
const NEVER: ReadonlySet<string> = new Set([
  ...RANDOM_OPERATORS,
  "Dropout",
  "QuantizeLinear",
  "DequantizeLinear",
  "DynamicQuantizeLinear",
  "SequenceAt",
  "SequenceConstruct",
  "SequenceEmpty",
  "SequenceErase",
  "SequenceInsert",
  "SequenceLength",
  "SplitToSequence",
  "ConcatFromSequence",
  "Optional",
  "OptionalGetElement",
  "OptionalHasElement",
  "StringNormalizer",
  "StringConcat",
  "StringSplit",
  "RegexFullMatch",
  "TfIdfVectorizer",
  "Constant",
]);

/** Operators whose output may be far larger than their inputs, with the input that says how large. */
const SIZE_INPUT: ReadonlyMap<string, number> = new Map([
  ["ConstantOfShape", 0],
  ["Expand", 1],
  ["Tile", 1],
]);
/**
 * The same, but the size cannot be read from one input; they are folded only when all their inputs are
 * small.
 */
const GROWING: ReadonlySet<string> = new Set([
  "EyeLike",
  "OneHot",
  "Pad",
  "Range",
  "Resize",
  "Upsample",
  "CenterCropPad",
  "BlackmanWindow",
  "HannWindow",
  "HammingWindow",
]);
const MAX_RANGE = 65_536;
const MAX_LENGTH = 64;
const READABLE: ReadonlySet<number> = new Set([
  DataType.FLOAT,
  DataType.DOUBLE,
  DataType.FLOAT16,
  DataType.INT8,
  DataType.UINT8,
  DataType.INT16,
  DataType.UINT16,
  DataType.INT32,
  DataType.INT64,
  DataType.BOOL,
]);

/** What may be folded, and how much. */
export interface FoldBounds {
  /** Nodes that stay as they are. */
  readonly rejected: ReadonlySet<Node>;
  /** Bound on any output whose size is known beforehand, which keeps broadcasts of two large vectors out. */
  readonly maxElements: number;
  /** Bound on all such outputs together. */
  readonly maxTotal: number;
  readonly calls: CallBodies;
}

export interface Foldable {
  /** In order. */
  readonly nodes: readonly Node[];
  /** What is known of the values that they make. */
  readonly types: ReadonlyMap<string, TensorType | undefined>;
}

/**
 * The nodes of the editor's graph that can be computed before the model runs. A call of a function is one
 * node; it counts when every node of its body does.
 */
export function foldableNodes(
  editor: GraphEditor,
  { rejected, maxElements, maxTotal, calls }: FoldBounds,
): Foldable {
  const types = new Map<string, TensorType | undefined>();
  const isKnown = (name: string): boolean =>
    name === "" ||
    types.has(name) ||
    (editor.constant(name)?.dataType ?? DataType.STRING) !== DataType.STRING;
  let left = maxTotal;
  /** The node's output types, or undefined where it must not be computed. */
  const computed = (node: Node): (TensorType | undefined)[] | undefined => {
    if (!isFoldable(node) || !node.inputs.every(isKnown)) return undefined;
    const outputs = inferOutputs(
      node,
      node.inputs.map((name) => types.get(name) ?? typeOf(editor.constant(name))),
      (index) => editor.constant(node.inputs[index] ?? ""),
    );
    const counts = outputs.map((type) => staticCount(type?.shape) ?? 0);
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (!isBounded(node, editor, maxElements) || counts.some((count) => count > maxElements) || total > left)
      return undefined;
    left -= total;
    return node.outputs.map((_, k) => outputs[k]);
  };
  const nodes = editor.graph.nodes.filter((node) => {
    if (rejected.has(node) || node.outputs.some((name) => editor.isOutput(name))) return false;
    const made: [string, TensorType | undefined][] = [];
    for (const inner of calls.of(node, editor) ?? [node]) {
      const outputs = computed(inner);
      // Names within a call are its own, so what a refused one leaves behind disturbs nothing.
      if (!outputs) return (made.forEach(([name]) => types.delete(name)), false);
      for (const [k, name] of inner.outputs.entries()) {
        made.push([name, outputs[k]]);
        types.set(name, outputs[k]);
      }
    }
    return true;
  });
  return { nodes, types };
}

function typeOf(tensor: Tensor | undefined): TensorType | undefined {
  return tensor && { elementType: tensor.dataType, shape: tensor.dims };
}

/**
 * Whether folding may compute the operator at all. An initializer that is a graph output is not accepted
 * everywhere, so nodes that make outputs stay.
 */
export function isFoldable(node: Node): boolean {
  return (
    isStandard(node) &&
    !NEVER.has(node.opType) &&
    subgraphsOf(node).length === 0 &&
    node.inputs.some((name) => name !== "")
  );
}

/**
 * Refuses what would be too large before it is computed. Sizes that are computed themselves are known in
 * the next round.
 */
function isBounded(node: Node, editor: GraphEditor, maxElements: number): boolean {
  const index = SIZE_INPUT.get(node.opType);
  if (index === undefined)
    return (
      !GROWING.has(node.opType) || node.inputs.every((name) => name === "" || areSmall(editor.constant(name)))
    );
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
  return tensor && READABLE.has(tensor.dataType) && elementCount(tensor) <= MAX_LENGTH
    ? toNumbers(tensor)
    : undefined;
}
