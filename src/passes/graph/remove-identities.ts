/**
 * remove-identities: takes out nodes that pass a value on unchanged.
 *
 *   x → Identity → y        becomes        x, under the name y where y is a graph output
 *
 * Handles Identity, and Dropout whose mask nobody uses and which is not in training mode, in every scope. An identity
 * between a graph input (or a constant, or an outer value) and a graph output stays: an output must be made by a node.
 */
import { GraphEditor, intAttribute, isOp, type Model, type Node, toNumbers } from "../../ir/index.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

export const removeIdentities = definePass({
  name: "remove-identities",
  description: "Take out Identity and inference-time Dropout",
  lossy: false,
  defaults: {},
  run: (model) => {
    let removed = 0;
    for (const editor of GraphEditor.forModel(model)) {
      for (const node of [...editor.graph.nodes]) if (isIdentity(editor, node, model) && bypass(editor, node)) removed++;
    }
    return exactResult({ removed });
  },
});

function isIdentity(editor: GraphEditor, node: Node, model: Model): boolean {
  if (isOp(node, "Identity")) return true;
  if (!isOp(node, "Dropout") || isTraining(editor, node)) return false;
  const mask = node.outputs[1] ?? "";
  return mask === "" || (editor.consumers(mask).length === 0 && !editor.isOutput(mask) && model.graph.nodes.length > 0);
}

function isTraining(editor: GraphEditor, node: Node): boolean {
  if (intAttribute(node, "is_test", 1) === 0) return true;
  const flag = node.inputs[2] ?? "";
  if (flag === "") return false;
  const constant = editor.constant(flag);
  return constant === undefined || toNumbers(constant)[0] !== 0;
}

function bypass(editor: GraphEditor, node: Node): boolean {
  const source = node.inputs[0] ?? "";
  const result = node.outputs[0] ?? "";
  if (source === "" || result === "") return false;
  if (!editor.isOutput(result)) {
    editor.removeNodes(node);
    editor.replaceUses(result, source);
    return true;
  }
  // The producer takes over the output's name, so that the graph's interface stays.
  const producer = editor.producer(source);
  if (!producer || editor.isOutput(source)) return false;
  editor.removeNodes(node);
  editor.setOutput(producer, producer.outputs.indexOf(source), result);
  editor.replaceUses(source, result);
  return true;
}
