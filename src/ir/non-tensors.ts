/** Finds values of a graph that are sequences, maps or optional values, not tensors. */
import type { Graph, Node } from "./graph.js";
import { getAttribute, isOp, isStandard } from "./node.js";
import type { ValueInfo } from "./value.js";

/** Operators none of whose outputs are tensors. */
const MAKERS: ReadonlySet<string> = new Set([
  "SequenceConstruct",
  "SequenceEmpty",
  "SequenceInsert",
  "SequenceErase",
  "SequenceMap",
  "SplitToSequence",
  "Optional",
]);

/** By declaration if there is one, else by the producer of the value. */
export function nonTensorValues(graph: Graph, outer: ReadonlySet<string> = new Set()): Set<string> {
  const found = new Set(outer);
  for (const value of [...graph.inputs, ...graph.valueInfo, ...graph.outputs])
    if (isDeclaredOtherwise(value)) found.add(value.name);
  for (const node of graph.nodes) for (const name of madeBy(node, found)) found.add(name);
  found.delete("");
  return found;
}

/** Whether a value is declared as something other than a tensor. */
export function isDeclaredOtherwise({ type }: Pick<ValueInfo, "type">): boolean {
  return type?.encoded !== undefined && type.tensor === undefined;
}

function madeBy(node: Node, known: ReadonlySet<string>): string[] {
  if (node.domain === "ai.onnx.ml" && node.opType === "ZipMap") return node.outputs;
  if (!isStandard(node)) return [];
  if (MAKERS.has(node.opType)) return node.outputs;
  if (isOp(node, "Identity")) return known.has(node.inputs[0] ?? "") ? node.outputs : [];
  const body = getAttribute(node, isOp(node, "If") ? "then_branch" : "body")?.g;
  if (!body || !isOp(node, "If", "Loop")) return [];
  const inside = nonTensorValues(body, known);
  // After the condition, a Loop body outputs the carried values first, in the same order as the node.
  const given = isOp(node, "Loop") ? body.outputs.slice(1) : body.outputs;
  return node.outputs.filter((_, k) => given[k] !== undefined && inside.has(given[k].name));
}
