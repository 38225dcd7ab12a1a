/** Questions about float32 graphs that several fusions ask. */
import {
  DataType,
  elementCount,
  type GraphEditor,
  intAttribute,
  intsAttribute,
  isOp,
  type Node,
  setOpsetVersion,
  type Model,
  opsetVersion,
  toFloat32,
  toNumbers,
} from "../../../ir/index.js";
import type { GraphFacts } from "../../../ops/shape-analysis.js";
import { type Match, type Misfit, nearMisfit, type Scope } from "../../../patterns/index.js";

/** Value of a float32 constant of one element that does not raise the rank: a scalar or a vector of size 1. */
function scalarOf(name: string | undefined, editor: GraphEditor): number | undefined {
  const tensor = editor.constant(name ?? "");
  if (tensor?.dataType !== DataType.FLOAT || tensor.dims.length > 1 || elementCount(tensor) !== 1)
    return undefined;
  return toFloat32(tensor)[0];
}

/** The value's producer, if exactly one node uses the value. */
export function soleProducer(name: string | undefined, editor: GraphEditor): Node | undefined {
  return name !== undefined && editor.soleConsumer(name) ? editor.producer(name) : undefined;
}

/** The other operand of a node with two operands, one of which is `name`. */
export function otherInput(node: Node, name: string): string {
  return node.inputs[node.inputs[0] === name ? 1 : 0] ?? "";
}

/** The factor, if the node multiplies `name` by a scalar or divides it by one. */
function scalarFactor(node: Node | undefined, name: string, editor: GraphEditor): number | undefined {
  if (!node) return undefined;
  if (isOp(node, "Mul")) return scalarOf(otherInput(node, name), editor);
  if (!isOp(node, "Div") || node.inputs[0] !== name) return undefined;
  const divisor = scalarOf(node.inputs[1], editor);
  return divisor === undefined || divisor === 0 ? undefined : 1 / divisor;
}

/** The value that the node multiplies by a scalar, with the factor. */
export function scaledInput(
  node: Node | undefined,
  editor: GraphEditor,
): { readonly input: string; readonly factor: number } | undefined {
  for (const input of node?.inputs ?? []) {
    const factor = scalarFactor(node, input, editor);
    if (factor !== undefined) return { input, factor };
  }
  return undefined;
}

/** Whether a ReduceMean runs over the last axis only and keeps it. */
export function isMeanOfLastAxis(
  node: Node | undefined,
  rank: number | undefined,
  editor: GraphEditor,
): node is Node {
  if (!isOp(node, "ReduceMean") || intAttribute(node, "keepdims", 1) !== 1) return false;
  const tensor = editor.constant(node.inputs[1] ?? "");
  const axes =
    intsAttribute(node, "axes") ?? (tensor && elementCount(tensor) === 1 ? toNumbers(tensor) : undefined);
  return axes?.length === 1 && (axes[0] === -1 || (rank !== undefined && axes[0] === rank - 1));
}

/** Whether the value is known not to be a scalar. */
export function hasAxes(name: string, facts: GraphFacts): boolean {
  return (facts.shape(name)?.length ?? 0) > 0;
}

/**
 * Whether the result of `last`, computed from `x` with constants of at most one axis, may have more axes than
 * `x`: a constant of shape [1] turns a scalar into a vector.
 */
function mayRaiseRank(x: string, last: Node, facts: GraphFacts, editor: GraphEditor): boolean {
  if (hasAxes(x, facts)) return false;
  const seen = new Set<Node>();
  const waiting = [last];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    for (const name of node.inputs) {
      if (name === x || name === "") continue;
      const maker = editor.producer(name);
      if (maker) waiting.push(maker);
      else if (editor.constant(name)?.dims.length !== 0) return true;
    }
  }
  return false;
}

/** The reason if a match must not become one operator on `x`, whose result would have the axes of x. */
export function ranksStay(x: string, { last }: Match, { facts, editor }: Scope): Misfit | undefined {
  return mayRaiseRank(x, last, facts, editor)
    ? nearMisfit(`"${x}" may be a scalar, and a constant of shape [1] would turn it into a vector`)
    : undefined;
}

export const CONTRIB = "com.microsoft";

/** Imports onnxruntime's own operator set, if it is not yet imported. */
export function importContrib(model: Model): void {
  if (opsetVersion(model, CONTRIB) === 0) setOpsetVersion(model, 1, CONTRIB);
}
