/**
 * Provides the model that a compressed model is compared with: the original, or a copy upgraded to an
 * operator set that the runtime runs.
 */
import type { Diagnostic } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { nestedGraphs, opsetVersion, type Model } from "../ir/index.js";
import { writeModel } from "../onnx/index.js";
import { OLDEST_RUN_OPSET } from "../ops/runtime-versions.js";
import { blockersText, upgradeOpset } from "../ops/upgrade/upgrade-opset.js";
import { DEFAULT_TARGET } from "../passes/graph/upgrade-opset.js";
import type { OutputFile } from "../output/output-file.js";

export interface Reference {
  /** Returns a fresh copy at every call; passes start from it. */
  readonly read: () => Model;
  /** One such copy, to look at. */
  readonly model: Model;
  /** The file that the runtime runs. */
  readonly path: string;
  /** Warnings about it for the report. */
  readonly warnings: readonly Diagnostic[];
}

/**
 * Constants without a reader that onnxruntime may load: the time it takes for them grows with their square.
 */
const MAX_UNREAD = 10_000;

/**
 * Returns the original itself from operator set 7 on. Older models are upgraded without loss into a temporary
 * file. A model with tens of thousands of constants that nothing reads runs without them. Throws EdgecError
 * MODEL_REJECTED for a model that cannot be upgraded: the runtime would not run it, and passes do not know the
 * meaning of its operators.
 * @param read reads the original again at every call
 * @param path the original's file, named in messages
 * @param original what was read already, which becomes the model of the reference if it need not be changed
 */
export async function referenceOf(
  read: () => Model,
  path: string,
  files: OutputFile,
  original: Model = read(),
): Promise<Reference> {
  const from = opsetVersion(original);
  if (from === 0 || from >= OLDEST_RUN_OPSET)
    return { read, model: original, path: await withoutUnread(original, path, files), warnings: [] };
  const model = read();
  const { blockers } = upgradeOpset(model, DEFAULT_TARGET);
  if (blockers.length > 0) {
    throw new EdgecError(
      "MODEL_REJECTED",
      `${path}: onnxruntime runs operator sets from ${OLDEST_RUN_OPSET} on, and this model ` +
        `of set ${from} cannot be upgraded: ${blockersText(blockers)}`,
    );
  }
  const raisedPath = await files.path("raised");
  writeModel(model, raisedPath);
  return { read: () => raised(read()), model, path: raisedPath, warnings: [raisedWarning(from)] };
}

/** The file to run: the original's, or one without the constants that nothing reads where they are many. */
async function withoutUnread(model: Model, path: string, files: OutputFile): Promise<string> {
  const { graph } = model;
  if (graph.initializers.length <= MAX_UNREAD) return path;
  const read = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  for (const nested of nestedGraphs(graph)) {
    for (const { name } of nested.outputs) read.add(name);
    for (const node of nested.nodes) for (const name of node.inputs) read.add(name);
  }
  const kept = graph.initializers.filter(({ name = "" }) => read.has(name));
  if (graph.initializers.length - kept.length <= MAX_UNREAD) return path;
  const trimmed = await files.path("without-unread");
  writeModel({ ...model, graph: { ...graph, initializers: kept } }, trimmed);
  return trimmed;
}

function raised(model: Model): Model {
  upgradeOpset(model, DEFAULT_TARGET);
  return model;
}

function raisedWarning(from: number): Diagnostic {
  return {
    id: "compress/raised-original",
    severity: "warning",
    message:
      `onnxruntime does not run operator set ${from}, so the result is compared with the same model upgraded ` +
      `to ${DEFAULT_TARGET}.`,
  };
}
