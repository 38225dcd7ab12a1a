/**
 * remove-dead: takes out nodes that no output needs, constants that no node uses, and declarations of values that are
 * gone. Graph inputs and outputs stay. Handles every scope.
 */
import { GraphEditor, type Node } from "../../ir/index.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

export const removeDead = definePass({
  name: "remove-dead",
  description: "Take out nodes and constants that no output needs",
  lossy: false,
  defaults: {},
  run: (model) => {
    const stats = { nodes: 0, initializers: 0, declarations: 0 };
    // Bodies first: what they captured may die with their nodes.
    for (const editor of GraphEditor.forModel(model).reverse()) {
      stats.nodes += removeNodes(editor);
    }
    for (const editor of GraphEditor.forModel(model)) {
      stats.initializers += removeInitializers(editor);
      stats.declarations += removeDeclarations(editor);
    }
    return exactResult(stats);
  },
});

function removeNodes(editor: GraphEditor): number {
  const needed = new Set<Node>();
  const stack = editor.graph.outputs.map((output) => editor.producer(output.name));
  for (let node = stack.pop(); stack.length > 0 || node !== undefined; node = stack.pop()) {
    if (node === undefined || needed.has(node)) continue;
    needed.add(node);
    for (const name of editor.usedNames(node)) stack.push(editor.producer(name));
  }
  const dead = editor.graph.nodes.filter((node) => !needed.has(node));
  if (dead.length > 0) editor.removeNodes(...dead);
  return dead.length;
}

function removeInitializers(editor: GraphEditor): number {
  const dead = editor.graph.initializers
    .map((tensor) => tensor.name ?? "")
    .filter((name) => editor.consumers(name).length === 0 && !editor.isOutput(name) && !editor.input(name));
  editor.removeInitializers(new Set(dead));
  return dead.length;
}

function removeDeclarations(editor: GraphEditor): number {
  const before = editor.graph.valueInfo.length;
  editor.graph.valueInfo = editor.graph.valueInfo.filter(({ name }) => editor.producer(name) !== undefined || editor.constant(name) !== undefined);
  return before - editor.graph.valueInfo.length;
}
