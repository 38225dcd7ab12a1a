/** Which values of a graph are sequences, maps or optional values, which have no elements of their own to look at. */
import type { Graph } from "./graph.js";
import { getAttribute, isOp, isStandard, type Node } from "./node.js";
import type { ValueInfo } from "./value.js";

/** Operators all of whose outputs are no tensors. */
const MAKERS: ReadonlySet<string> = new Set([
  "SequenceConstruct",
  "SequenceEmpty",
  "SequenceInsert",
  "SequenceErase",
  "SequenceMap",
  "SplitToSequence",
  "Optional",
]);

/** By declaration where there is one, else by what makes the value. */
export function nonTensorValues(graph: Graph, outer: ReadonlySet<string> = new Set()): Set<string> {
  const found = new Set(outer);
  for (const value of [...graph.inputs, ...graph.valueInfo, ...graph.outputs])
    if (isDeclaredOtherwise(value)) found.add(value.name);
  for (const node of graph.nodes) for (const name of madeBy(node, found)) found.add(name);
  found.delete("");
  return found;
}

/** Whether a value is declared as something else than a tensor. */
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
  // Behind the condition a body of Loop gives the carried values first, as the node does.
  const given = isOp(node, "Loop") ? body.outputs.slice(1) : body.outputs;
  return node.outputs.filter((_, k) => given[k] !== undefined && inside.has(given[k].name));
}
