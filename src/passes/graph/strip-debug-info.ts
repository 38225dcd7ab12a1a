/**
 * strip-debug-info: drops what exporters write for their own debugging.
 *
 * Per-node and per-value metadata of PyTorch's exporter (stack traces, module paths: 119 KB of a 3.4 MB transformer)
 * and the declared shapes of intermediate values, which runtimes infer anyway. Metadata of the model, doc strings,
 * names, and everything about inputs and outputs stay; so do declarations in bodies and functions.
 */
import { allNodes, type Annotated, type Model, nestedGraphs } from "../../ir/index.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

/** Keys written by torch.onnx and onnxscript for debugging. */
const DEBUG_KEY = /^(pkg\.torch\.|pkg\.onnxscript\.|namespace$)/;

export interface StripDebugInfoOptions {
  /** Keeps declared shapes of intermediate values. */
  readonly keepValueInfo: boolean;
}

export const stripDebugInfo = definePass<StripDebugInfoOptions>({
  name: "strip-debug-info",
  description: "Drop exporters' debugging metadata and declared shapes of intermediate values",
  lossy: false,
  defaults: { keepValueInfo: false },
  run: (model, { keepValueInfo }) => {
    let entries = 0;
    for (const node of allNodes(model)) entries += strip(node);
    for (const graph of nestedGraphs(model.graph)) {
      for (const part of [graph, ...graph.initializers, ...graph.valueInfo]) entries += strip(part);
    }
    return exactResult({ entries, declarations: keepValueInfo ? 0 : dropDeclarations(model) });
  },
});

function strip(part: Annotated): number {
  const kept = part.metadata?.filter((entry) => !DEBUG_KEY.test(entry.key ?? ""));
  const dropped = (part.metadata?.length ?? 0) - (kept?.length ?? 0);
  if (dropped === 0) return 0;
  if (kept && kept.length > 0) part.metadata = kept;
  else delete part.metadata;
  return dropped;
}

function dropDeclarations({ graph }: Model): number {
  const count = graph.valueInfo.length;
  graph.valueInfo = [];
  return count;
}
