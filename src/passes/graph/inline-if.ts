/**
 * inline-if: replaces an If with a constant condition by the branch that it takes.
 *
 *   y = If(true) {then: Relu(x), else: …}   →   y = Relu(x)
 *
 * The branch's values get unique names, and so do its nodes if another node of the model has the same name. Its
 * outputs get an Identity, which remove-identities removes. Left alone: branches with sparse constants, whose
 * names are not decoded.
 */
import {
  getAttribute,
  GraphEditor,
  isOp,
  makeNode,
  toNumbers,
  type Graph,
  type Node,
} from "../../ir/index.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

export const inlineIf = definePass<Record<string, never>>({
  name: "inline-if",
  description: "Replace an If with a constant condition by the branch it takes",
  lossy: false,
  defaults: {},
  run(model) {
    const editors = GraphEditor.forModel(model);
    const scopes: Scopes = {
      byGraph: new Map(editors.map((editor) => [editor.graph, editor])),
      sharedNames: sharedNames(editors),
    };
    let inlined = 0;
    // Innermost first, so that nodes moved outward contain nothing left to inline.
    for (const editor of editors.reverse())
      for (const node of [...editor.graph.nodes]) if (inline(node, editor, scopes)) inlined++;
    return exactResult({ branchesInlined: inlined });
  },
});

interface Scopes {
  readonly byGraph: ReadonlyMap<Graph, GraphEditor>;
  /** Names of several nodes: onnxruntime accepts duplicates in different graphs, but not in one. */
  readonly sharedNames: ReadonlySet<string>;
}

function sharedNames(editors: readonly GraphEditor[]): Set<string> {
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const { graph } of editors)
    for (const { name = "" } of graph.nodes) (seen.has(name) ? shared : seen).add(name);
  shared.delete("");
  return shared;
}

function inline(node: Node, editor: GraphEditor, { byGraph, sharedNames: shared }: Scopes): boolean {
  const condition = isOp(node, "If") ? editor.constant(node.inputs[0] ?? "") : undefined;
  if (!condition) return false;
  const body = getAttribute(node, toNumbers(condition)[0] === 0 ? "else_branch" : "then_branch")?.g;
  const inner = body && byGraph.get(body);
  if (!inner || inner.graph.sparseInitializers.length > 0 || inner.graph.inputs.length > 0) return false;
  const results = inner.graph.outputs.map(({ name }) => name);
  const renamed = renameAll(inner);
  const identities = node.outputs.flatMap((name, k) =>
    name === "" ? [] : [makeNode("Identity", [renamed.get(results[k] ?? "") ?? results[k] ?? ""], [name])],
  );
  const { nodes, initializers } = inner.graph;
  for (const moved of nodes) {
    const { name = "" } = moved;
    if (!shared.has(name)) continue;
    moved.name = editor.uniqueName(`${name}_inlined`);
    editor.recordProvenance(name, moved.name);
  }
  for (const tensor of initializers)
    editor.addInitializer({ ...tensor, name: renamed.get(tensor.name ?? "") ?? tensor.name ?? "" });
  editor.replaceNode(node, ...nodes, ...identities);
  return true;
}

/** Gives all values of the branch unique names. Returns the new names by the old ones. */
function renameAll(inner: GraphEditor): Map<string, string> {
  const renamed = new Map<string, string>();
  const rename = (name: string): void => {
    const fresh = inner.uniqueName(`${name}_inlined`);
    renamed.set(name, fresh);
    inner.replaceUses(name, fresh);
    inner.recordProvenance(name, fresh);
  };
  for (const { name = "" } of inner.graph.initializers) rename(name);
  for (const node of inner.graph.nodes) {
    node.outputs.forEach((name, index) => {
      if (name === "") return;
      rename(name);
      inner.setOutput(node, index, renamed.get(name) ?? name);
    });
  }
  return renamed;
}
