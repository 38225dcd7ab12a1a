/**
 * Drops what exporters leave behind for debugging and no runtime reads: per-node and per-value metadata of known
 * exporters (PyTorch's carries a stack trace for each node), and declarations of intermediate values, which runtimes
 * infer. Run it last: other passes read those declarations.
 *
 * Stays: metadata and doc strings of the model and of inputs and outputs, metadata under other keys, and declarations
 * of values made by operators that are not standard, whose types a runtime may not know. `keep` names metadata keys
 * to keep ("namespace", "pkg.torch.*"), or "value_info".
 */
import { isOp, nestedGraphs, nodeLists } from "../../ir/index.js";
import type { Graph, Model, StringEntry } from "../../ir/index.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

export interface StripDebugInfoOptions {
  /** Metadata keys, with `*` at the end for any rest; "value_info" for declarations of intermediate values. */
  keep: readonly string[];
}

/** Keys that PyTorch's and onnxscript's exporters write. */
const DEBUG_KEYS = ["namespace", "pkg.torch.*", "pkg.onnxscript.*"] as const;

interface Holder { metadata?: StringEntry[] }
interface Stripped { entries: number; bytes: number; declarations: number }

export const stripDebugInfo = definePass<StripDebugInfoOptions>({
  name: "strip-debug-info",
  description: "drops debugging metadata of exporters and declarations that runtimes infer",
  lossy: false,
  defaults: { keep: [] },
  run(model, { keep }) {
    const stripped: Stripped = { entries: 0, bytes: 0, declarations: 0 };
    for (const holder of debugHolders(model)) stripMetadata(holder, keep, stripped);
    if (!keep.includes("value_info")) for (const graph of nestedGraphs(model.graph)) stripDeclarations(graph, stripped);
    return exactResult({ metadataEntriesRemoved: stripped.entries, metadataBytesRemoved: stripped.bytes, declarationsRemoved: stripped.declarations });
  },
});

/** Everything below the model that carries metadata, but for inputs and outputs. */
function* debugHolders(model: Model): Generator<Holder> {
  for (const scope of nodeLists(model)) {
    yield scope;
    yield* scope.nodes;
    yield* scope.valueInfo;
    if ("initializers" in scope) yield* scope.initializers;
  }
}

function stripMetadata(holder: Holder, keep: readonly string[], stripped: Stripped): void {
  if (!holder.metadata) return;
  const kept = holder.metadata.filter(({ key = "" }) => !matches(key, DEBUG_KEYS) || matches(key, keep));
  if (kept.length === holder.metadata.length) return;
  const gone = holder.metadata.filter((entry) => !kept.includes(entry));
  stripped.entries += gone.length;
  stripped.bytes += gone.reduce((sum, { key = "", value = "" }) => sum + key.length + value.length, 0);
  if (kept.length > 0) holder.metadata = kept;
  else delete holder.metadata;
}

function matches(key: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => (pattern.endsWith("*") ? key.startsWith(pattern.slice(0, -1)) : key === pattern));
}

function stripDeclarations(graph: Graph, stripped: Stripped): void {
  const inferred = new Set(graph.nodes.filter((node) => isOp(node, node.opType)).flatMap((node) => node.outputs));
  const constants = new Set(graph.initializers.map((tensor) => tensor.name));
  const kept = graph.valueInfo.filter(({ name, metadata }) => !(inferred.has(name) || constants.has(name)) || metadata !== undefined);
  stripped.declarations += graph.valueInfo.length - kept.length;
  if (kept.length < graph.valueInfo.length) graph.valueInfo = kept;
}
