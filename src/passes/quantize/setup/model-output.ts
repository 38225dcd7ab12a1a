/**
 * Telling the outputs of the model, which stay float, from those of its bodies, which are inner values like
 * any other.
 */
import { type GraphEditor, isOp, subgraphsOf } from "../../../ir/index.js";

/**
 * Whether the graph hands the value out as an output of the model: from the main graph, or through If
 * alone. What Loop and Scan hand out also goes into the next round, or is one piece of many.
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
