/** Decides which nodes constant folding may evaluate. */
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
 * Operators that are never folded: random ones; Q/DQ, which hold the int8 form of weights; and those with
 * sequences and optionals, which an initializer cannot hold.
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

/** Operators whose output may be far larger than their inputs, with the input that determines the size. */
const SIZE_INPUT: ReadonlyMap<string, number> = new Map([
  ["ConstantOfShape", 0],
  ["Expand", 1],
  ["Tile", 1],
]);
/** The same, but the size does not follow from one input. They are folded only if all their inputs are small. */
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

/** Limits on folding. */
export interface FoldBounds {
  /** Nodes that stay as they are. */
  readonly rejected: ReadonlySet<Node>;
  /** Limit on each output whose size is known beforehand, which excludes broadcasts of two large vectors. */
  readonly maxElements: number;
  /** Limit on all such outputs together. */
  readonly maxTotal: number;
  readonly calls: CallBodies;
}

interface Foldable {
  /** In order. */
  readonly nodes: readonly Node[];
  /** What is known about their outputs. */
  readonly types: ReadonlyMap<string, TensorType | undefined>;
}

/**
 * The nodes of the editor's graph that can be computed before the model runs. A function call is one node; it
 * qualifies if every node of its body does.
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
  /** The node's output types, or undefined if it must not be computed. */
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
      // Names within a call are its own, so a rejected call leaves no conflicting names.
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
 * Whether folding may compute the operator at all. Not every runtime accepts an initializer as a graph output,
 * so nodes that produce outputs stay.
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
 * Rejects values that would be too large before they are computed. Sizes that are themselves computed are known
 * in the next round.
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

/** The values of a short constant of a supported type. */
function numbersOf(tensor: Tensor | undefined): number[] | undefined {
  return tensor && READABLE.has(tensor.dataType) && elementCount(tensor) <= MAX_LENGTH
    ? toNumbers(tensor)
    : undefined;
}
