/**
 * Finds the nodes that a user's selectors keep in float: selected directly, or through a constant that they
 * read.
 */
import { GraphEditor, type Model, type Node } from "../../../ir/index.js";
import { selectNodes } from "../../../ops/select.js";
import { weightView } from "../../../layers/weight-view.js";

/** Includes constants read through nodes that only move values. Throws as `selectNodes`. */
export function exclusionsOf(
  model: Model,
  exclude: readonly string[],
  user: string,
): (node: Node) => boolean {
  const selection = selectNodes(model, exclude, user);
  const readers = new Set<Node>();
  for (const editor of exclude.length === 0 ? [] : GraphEditor.forModel(model)) {
    for (const node of editor.graph.nodes) {
      const isRead = (name: string): boolean => {
        const constant = weightView(editor, name)?.tensor.name;
        return constant !== undefined && selection.has(node, constant);
      };
      if (node.inputs.some(isRead)) readers.add(node);
    }
  }
  return (node) =>
    readers.has(node) || selection.has(node) || node.inputs.some((name) => selection.has(node, name));
}
