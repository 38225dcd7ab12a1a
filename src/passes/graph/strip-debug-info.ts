/**
 * Removes debugging information that no runtime reads: per-node and per-value metadata of known exporters
 * (PyTorch's contains a stack trace for each node), and declarations of intermediate values that follow from
 * the inputs. Run it last, because other passes read those declarations.
 *
 * Left alone: metadata and doc strings of the model and of inputs and outputs, metadata under other keys, and
 * declarations that say more than edgec's own shape inference finds. Removing the latter would cost speed:
 * onnxruntime fuses Add and LayerNormalization only if it knows that both inputs have the same shape, which it
 * may know from a symbol in value_info. `keep` names metadata keys to keep ("namespace", "pkg.torch.*"), or
 * "value_info".
 */
import { GraphEditor, nodeLists } from "../../ir/index.js";
import type { Graph, Model, StringEntry, ValueInfo } from "../../ir/index.js";
import { inferScopes, type TypeMap } from "../../ops/shapes.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

export interface StripDebugInfoOptions {
  /** Metadata keys, with `*` at the end as a wildcard; "value_info" for declarations of intermediate values. */
  keep: readonly string[];
}

/** Keys that PyTorch's and onnxscript's exporters write. */
const DEBUG_KEYS = ["namespace", "pkg.torch.*", "pkg.onnxscript.*"] as const;

interface Holder {
  metadata?: StringEntry[];
}
interface Stripped {
  entries: number;
  bytes: number;
  declarations: number;
}

export const stripDebugInfo = definePass<StripDebugInfoOptions>({
  name: "strip-debug-info",
  description: "Remove debugging metadata of exporters and declarations that runtimes infer",
  lossy: false,
  defaults: { keep: [] },
  run(model, { keep }) {
    const stripped: Stripped = { entries: 0, bytes: 0, declarations: 0 };
    for (const holder of debugHolders(model)) stripMetadata(holder, keep, stripped);
    if (!keep.includes("value_info")) {
      const types = inferScopes(GraphEditor.forModel(model), false);
      for (const [{ graph }, known] of types) stripDeclarations(graph, known, stripped);
    }
    return exactResult({
      metadataEntriesRemoved: stripped.entries,
      metadataBytesRemoved: stripped.bytes,
      declarationsRemoved: stripped.declarations,
    });
  },
});

/** All parts of the model that have metadata, except inputs and outputs. */
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
  const lengthOf = (entries: readonly StringEntry[]): number =>
    entries.reduce((sum, { key = "", value = "" }) => sum + key.length + value.length, 0);
  const kept = holder.metadata.filter(({ key = "" }) => !matches(key, DEBUG_KEYS) || matches(key, keep));
  if (kept.length === holder.metadata.length) return;
  stripped.entries += holder.metadata.length - kept.length;
  stripped.bytes += lengthOf(holder.metadata) - lengthOf(kept);
  if (kept.length > 0) holder.metadata = kept;
  else delete holder.metadata;
}

function matches(key: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith("*") ? key.startsWith(pattern.slice(0, -1)) : key === pattern,
  );
}

function stripDeclarations(graph: Graph, known: TypeMap, stripped: Stripped): void {
  const kept = graph.valueInfo.filter((value) => value.metadata !== undefined || saysMore(value, known));
  stripped.declarations += graph.valueInfo.length - kept.length;
  if (kept.length < graph.valueInfo.length) graph.valueInfo = kept;
}

/** Whether the declaration says anything that is not known without it: a type, a rank, a size or a symbol. */
function saysMore({ name, type }: ValueInfo, known: TypeMap): boolean {
  const found = known.get(name);
  if (!type?.tensor || found?.elementType !== type.tensor.elementType) return true;
  const { shape } = type.tensor;
  if (!shape) return false;
  return (
    shape.length !== found.shape?.length ||
    shape.some((dim, k) => dim !== undefined && dim !== found.shape?.[k])
  );
}
