/** The model that a run starts from: a file, its bytes, or a model in memory. */
import { readFileSync, statSync } from "node:fs";
import type { Model } from "../ir/index.js";
import { decodeModel, encodeModelBytes, readModel } from "../onnx/index.js";
import type { OutputFile } from "../output/output-file.js";
import { factsOf } from "../verify/index.js";
import type { Candidate } from "./candidate.js";

/** Reads the input again at every call, because each candidate changes its own copy. */
export function source(input: string | Uint8Array | Model): () => Model {
  if (typeof input === "string") return () => readModel(input);
  const bytes = input instanceof Uint8Array ? input : encodeModelBytes(input);
  const path = input instanceof Uint8Array ? undefined : input.path;
  return () => decodeModel(bytes, path);
}

/** Copies of a model for passes to change. The first is handed on by those who only look at it, not read again. */
export class ModelCopies {
  /** @param unspent a copy that nobody has changed */
  constructor(
    private readonly read: () => Model,
    private unspent: Model | undefined,
  ) {}

  /** A copy to look at. */
  look(): Model {
    return (this.unspent ??= this.read());
  }

  /** A copy to change. */
  take(): Model {
    const model = this.look();
    this.unspent = undefined;
    return model;
  }
}

/** Output files from this size on are not kept in memory: reading leaves their tensors on disk. */
const LARGE_BYTES = 64 * 2 ** 20;

/** The model for the caller to keep. What is in a file is decoded only when the caller asks for it. */
export function finished({ model }: Candidate, { output, scratch }: OutputFile): () => Model {
  if (model && (output === undefined || scratch?.isUsed !== true)) {
    delete model.scratch;
    delete model.provenance;
    delete model.removed;
    delete model.foldBalance;
    delete model.storedForms;
    return () => model;
  }
  const path = output ?? "";
  let result: Model | undefined;
  if (statSync(path).size >= LARGE_BYTES || factsOf(path).dataLocations.length > 0) result = readModel(path);
  const bytes = result ? new Uint8Array() : readFileSync(path);
  return () => (result ??= { ...decodeModel(bytes, path), path });
}
