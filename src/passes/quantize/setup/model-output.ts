/**
 * Distinguishes outputs of the model, which stay in float, from those of its bodies, which are inner values
 * like any other.
 */
import { type GraphEditor, isOp, subgraphsOf } from "../../../ir/index.js";

/**
 * Whether the value is an output of the model, in the main graph or only through If. Outputs of Loop and Scan
 * also feed the next iteration, or are one piece of many.
 */
export function isModelOutput(editor: GraphEditor, name: string): boolean {
  if (!editor.isOutput(name)) return false;
  const { graph, parent } = editor;
  if (!parent) return true;
  const holder = parent.graph.nodes.find((node) => subgraphsOf(node).includes(graph));
  return (
    isOp(holder, "If") &&
    graph.outputs.some((output, k) => output.name === name && isModelOutput(parent, holder.outputs[k] ?? ""))
  );
}
