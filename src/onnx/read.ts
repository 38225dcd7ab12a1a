/** Reading a model file. Tensor bytes stay views on the file's buffer; external data is not touched yet. */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { BadModelError, EdgecError } from "../errors.js";
import type { Model } from "../ir/index.js";
import { modelFromWire } from "./from-wire.js";
import { decodeMessage } from "./schema.js";
import { describeForeignFile } from "./sniff.js";

/**
 * Reads an ONNX model from a path or from bytes.
 * @throws BadModelError when it is not a readable ONNX model; EdgecError CANNOT_READ when the file cannot be opened
 */
export function readModel(source: string | Uint8Array): Model {
  if (typeof source !== "string") return decodeModel(source);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(source);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : (cause as Error).message;
    throw new EdgecError("CANNOT_READ", `cannot read "${source}": ${reason}`, { cause });
  }
  return { ...decodeModel(bytes, source), path: source };
}

/** Decodes a model from bytes; `path` serves messages and finds external data beside it. */
export function decodeModel(bytes: Uint8Array, path?: string): Model {
  const label = path === undefined ? "the model" : `"${path}"`;
  const foreign = describeForeignFile(bytes);
  if (foreign) throw new BadModelError(`${label} ${foreign}`);
  try {
    return modelFromWire(decodeMessage("ModelProto", bytes), { folder: path === undefined ? undefined : dirname(path) });
  } catch (cause) {
    if (cause instanceof BadModelError) throw new BadModelError(`${label}: ${cause.message}`, { cause });
    throw new BadModelError(`${label} is not a readable ONNX model (${(cause as Error).message}); it may be cut off or of another format`, { cause });
  }
}
