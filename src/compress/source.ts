/** The model that a run starts from: a file, its bytes, or a model in memory. */
import type { Model } from "../ir/index.js";
import { decodeModel, encodeModelBytes, readModel } from "../onnx/index.js";
import type { OutputFile } from "../output/output-file.js";

/** Reads the input again at every call, because each candidate changes its own copy. */
export function source(input: string | Uint8Array | Model): () => Model {
  if (typeof input === "string") return () => readModel(input);
  const bytes = input instanceof Uint8Array ? input : encodeModelBytes(input);
  const path = input instanceof Uint8Array ? undefined : input.path;
  return () => decodeModel(bytes, path);
}

/** The model for the caller to keep: tensors in the scratch file are read from the output instead. */
export function finished(model: Model, files: OutputFile): Model {
  delete model.scratch;
  delete model.provenance;
  delete model.removed;
  delete model.foldBalance;
  delete model.storedForms;
  return files.scratch?.isUsed === true && files.output !== undefined ? readModel(files.output) : model;
}
