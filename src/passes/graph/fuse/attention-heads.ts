/**
 * Traces a matrix of attention to its source: which part of which [batch, sequence, heads · size] value it is,
 * through the Reshape and Transpose that split the heads, and through Slice, Gather or Split if one product
 * computes queries, keys and values together.
 */
import {
  type Dimension,
  type GraphEditor,
  intAttribute,
  intsAttribute,
  isOp,
  type Node,
  toNumbers,
  elementCount,
} from "../../../ir/index.js";
import type { Scope } from "../../../patterns/index.js";
import { scaledInput } from "./graph-queries.js";

export interface Heads {
  /** The value of rank 3 that holds the heads next to each other. */
  readonly source: string;
  /** Index and number of the equal parts that the source's last axis is divided into. */
  readonly part: number;
  readonly parts: number;
  readonly heads: number;
  /** Size of one head. */
  readonly size: number;
  /** Whether the last two axes are [sequence, size] or [size, sequence]. */
  readonly order: "sequence-size" | "size-sequence";
  /** A scalar factor on all values. */
  readonly factor: number;
}

/** Describes the [batch, heads, …] matrices that the value holds. */
export function headsOf(name: string, scope: Scope): Heads | undefined {
  const node = scope.editor.producer(name);
  const scaled = isOp(node, "Mul", "Div") ? scaledInput(node, scope.editor) : undefined;
  if (scaled) return withFactor(unscaledHeads(scaled.input, scope), scaled.factor);
  return unscaledHeads(name, scope);
}

function withFactor(heads: Heads | undefined, factor: number): Heads | undefined {
  return heads && { ...heads, factor: heads.factor * factor };
}

function unscaledHeads(name: string, scope: Scope): Heads | undefined {
  const node = scope.editor.producer(name);
  if (!isOp(node, "Transpose")) return partOf(name, scope);
  const permutation = intsAttribute(node, "perm")?.join();
  const inner = node.inputs[0] ?? "";
  if (permutation === "0,2,1,3") return splitHeads(inner, scope, "sequence-size");
  if (permutation === "0,2,3,1") return splitHeads(inner, scope, "size-sequence");
  const turned = permutation === "0,1,3,2" ? headsOf(inner, scope) : undefined;
  return turned?.order === "sequence-size" ? { ...turned, order: "size-sequence" } : undefined;
}

/** [batch, sequence, heads · size] → Reshape → [batch, sequence, heads, size]. */
function splitHeads(name: string, scope: Scope, order: Heads["order"]): Heads | undefined {
  const node = scope.editor.producer(name);
  const split = isOp(node, "Reshape") ? splitOfLastAxis(node, scope, 4) : undefined;
  const [heads, size] = split?.factors ?? [];
  return split && heads !== undefined && size !== undefined
    ? { source: split.source, part: 0, parts: 1, heads, size, order, factor: 1 }
    : undefined;
}

/**
 * [batch, sequence, parts · heads · size] → Reshape → Transpose → [parts, batch, heads, sequence, size] →
 * one part.
 */
function partOf(name: string, scope: Scope): Heads | undefined {
  const taken = takenIndex(name, scope.editor);
  const node = taken && scope.editor.producer(taken.from);
  if (!isOp(node, "Transpose") || intsAttribute(node, "perm")?.join() !== "2,0,3,1,4") return undefined;
  const inner = scope.editor.producer(node.inputs[0] ?? "");
  const split = isOp(inner, "Reshape") ? splitOfLastAxis(inner, scope, 5) : undefined;
  const [parts, heads, size] = split?.factors ?? [];
  if (!taken || !split || parts === undefined || heads === undefined || size === undefined) return undefined;
  const part = taken.index < 0 ? taken.index + parts : taken.index;
  if (part < 0 || part >= parts) return undefined;
  return { source: split.source, part, parts, heads, size, order: "sequence-size", factor: 1 };
}

/** The value from whose first axis `name` takes one index: by Gather, or by Squeeze of a Slice or Split. */
function takenIndex(
  name: string,
  editor: GraphEditor,
): { readonly from: string; readonly index: number } | undefined {
  const node = editor.producer(name);
  if (!node) return undefined;
  if (isOp(node, "Gather")) {
    const index = editor.constant(node.inputs[1] ?? "");
    if (intAttribute(node, "axis", 0) !== 0 || index?.dims.length !== 0) return undefined;
    return { from: node.inputs[0] ?? "", index: toNumbers(index)[0] ?? 0 };
  }
  if (!isOp(node, "Squeeze") || !isZero(intsAttribute(node, "axes") ?? numbersAt(node, 1, editor)))
    return undefined;
  const inner = editor.producer(node.inputs[0] ?? "");
  if (isOp(inner, "Split")) return splitIndex(inner, node.inputs[0] ?? "", editor);
  return isOp(inner, "Slice") ? slicedIndex(inner, editor) : undefined;
}

function splitIndex(
  node: Node,
  output: string,
  editor: GraphEditor,
): { readonly from: string; readonly index: number } | undefined {
  const sizes = intsAttribute(node, "split") ?? numbersAt(node, 1, editor) ?? node.outputs.map(() => 1);
  // Squeeze fails at run time unless the size is 1, so equal parts without given sizes are single indices.
  if (intAttribute(node, "axis", 0) !== 0 || sizes.some((size) => size !== 1)) return undefined;
  return { from: node.inputs[0] ?? "", index: node.outputs.indexOf(output) };
}

function slicedIndex(
  node: Node,
  editor: GraphEditor,
): { readonly from: string; readonly index: number } | undefined {
  const [start, ...others] = intsAttribute(node, "starts") ?? numbersAt(node, 1, editor) ?? [];
  const axes = intsAttribute(node, "axes") ?? numbersAt(node, 3, editor);
  const steps = numbersAt(node, 4, editor) ?? [1];
  const end = (intsAttribute(node, "ends") ?? numbersAt(node, 2, editor))?.[0];
  if (start === undefined || others.length > 0 || !isZero(axes) || steps[0] !== 1 || end === undefined)
    return undefined;
  const isOne = end === start + 1 || (start === -1 && end > 0);
  return isOne ? { from: node.inputs[0] ?? "", index: start } : undefined;
}

function isZero(axes: readonly number[] | undefined): boolean {
  return axes?.length === 1 && axes[0] === 0;
}

const MAX_LIST = 16;

function numbersAt(node: Node, index: number, editor: GraphEditor): number[] | undefined {
  const tensor = editor.constant(node.inputs[index] ?? "");
  return tensor && elementCount(tensor) <= MAX_LIST ? toNumbers(tensor) : undefined;
}

/**
 * For a Reshape that only splits the last axis of a value of rank 3: the value, and the sizes that the axis is
 * split into.
 */
function splitOfLastAxis(
  node: Node,
  scope: Scope,
  rank: number,
): { readonly source: string; readonly factors: readonly number[] } | undefined {
  const source = node.inputs[0] ?? "";
  const shape = scope.facts.shape(source);
  const target = targetShape(node, scope);
  if (shape?.length !== 3 || target?.length !== rank) return undefined;
  const factors = target.slice(2);
  const last = shape[2];
  if (!factors.every((dim) => typeof dim === "number" && dim > 0) || typeof last !== "number")
    return undefined;
  if (
    (factors as number[]).reduce((product, dim) => product * dim, 1) !== last ||
    !keepsFirstAxes(shape, target)
  )
    return undefined;
  return { source, factors: factors as number[] };
}

/**
 * The shape that a Reshape produces, as far as it is known: the inferred shape of its output, with the sizes
 * that it copies.
 */
export function targetShape(node: Node, { editor, facts }: Scope): readonly Dimension[] | undefined {
  const listed = numbersAt(node, 1, editor);
  const inferred = facts.shape(node.outputs[0] ?? "");
  if (!listed) return inferred;
  const copies = intAttribute(node, "allowzero", 0) === 0;
  return listed.map((dim, k) => (dim > 0 ? dim : dim === 0 && copies ? COPIED : inferred?.[k]));
}

/** Stands for the size of the input at the same position. */
const COPIED = "\u0000copied";

/**
 * Whether the first two axes stay the same. Knowing one is enough, because the number of elements determines
 * the other.
 */
export function keepsFirstAxes(shape: readonly Dimension[], target: readonly Dimension[]): boolean {
  return [0, 1].some((k) => target[k] === COPIED || (target[k] !== undefined && target[k] === shape[k]));
}
