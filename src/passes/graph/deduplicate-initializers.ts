/**
 * deduplicate-initializers: keeps one of several constants of a graph that are equal in type, shape and bytes.
 *
 * Equal constants of a body and of the graph around it are merged too, into the outer one. Constants that are graph
 * outputs or defaults of graph inputs stay, and external data is not loaded for comparison.
 */
import { createHash } from "node:crypto";
import { GraphEditor, type Tensor } from "../../ir/index.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

export const deduplicateInitializers = definePass({
  name: "deduplicate-initializers",
  description: "Keep one of several equal constants",
  lossy: false,
  defaults: {},
  run: (model) => {
    const seen = new Map<GraphEditor, Map<string, string>>();
    let removed = 0;
    for (const editor of GraphEditor.forModel(model)) removed += mergeGraph(editor, seen);
    return exactResult({ removed });
  },
});

function mergeGraph(editor: GraphEditor, seen: Map<GraphEditor, Map<string, string>>): number {
  const own = new Map<string, string>();
  seen.set(editor, own);
  const gone = new Set<string>();
  for (const tensor of editor.graph.initializers) {
    const name = tensor.name ?? "";
    const key = contentKey(tensor);
    if (key === undefined || editor.isOutput(name) || editor.input(name)) continue;
    const first = firstBearer(editor, key, seen);
    if (first === undefined) {
      own.set(key, name);
      continue;
    }
    editor.replaceUses(name, first);
    gone.add(name);
  }
  editor.removeInitializers(gone);
  return gone.size;
}

/** The constant of this graph or one around it with that content, if its name reaches this graph. */
function firstBearer(editor: GraphEditor, key: string, seen: Map<GraphEditor, Map<string, string>>): string | undefined {
  for (let scope: GraphEditor | undefined = editor; scope; scope = scope.parent) {
    const name = seen.get(scope)?.get(key);
    if (name !== undefined && (scope === editor || editor.constant(name) === scope.constant(name))) return name;
  }
  return undefined;
}

function contentKey(tensor: Tensor): string | undefined {
  if (!tensor.raw || tensor.unknownFields || tensor.segment) return undefined;
  const head = `${tensor.dataType}:${tensor.dims.join(",")}:`;
  return head + (tensor.raw.byteLength <= 64 ? Buffer.from(tensor.raw).toString("hex") : createHash("sha256").update(tensor.raw).digest("hex"));
}
