/** Reading a model file. Tensor bytes stay views on the file's buffer; external data is not touched yet. */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { BadModelError, EdgecError } from "../errors.js";
import type { Model } from "../ir/index.js";
import { modelFromWire } from "./from-wire.js";
import { decodeMessage } from "./schema.js";
import { describeForeignFile, describeText } from "./sniff.js";

/**
 * Reads an ONNX model from a path or from bytes. Only with a path can its external data be found.
 * @throws BadModelError when it is not a readable ONNX model; EdgecError CANNOT_READ when the file cannot be opened
 */
export function readModel(source: string | Uint8Array): Model {
  return typeof source === "string" ? { ...decodeModel(readWhole(source), source), path: source } : decodeModel(source);
}

/** Decodes a model from bytes, on which its tensors are views; `path` serves messages and finds external data beside it. */
export function decodeModel(bytes: Uint8Array, path?: string): Model {
  const label = path === undefined ? "the model" : `"${path}"`;
  const foreign = describeForeignFile(bytes);
  if (foreign) throw new BadModelError(`${label} ${foreign}`);
  try {
    return modelFromWire(decodeMessage("ModelProto", bytes), { folder: path === undefined ? undefined : dirname(path) });
  } catch (cause) {
    if (!(cause instanceof BadModelError)) throw cause;
    throw new BadModelError(`${label} ${describeText(bytes) ?? `is not a readable ONNX model: ${cause.message}`}`, { cause });
  }
}

function readWhole(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new EdgecError("CANNOT_READ", `cannot read "${path}": ${explain(cause as NodeJS.ErrnoException)}`, { cause });
  }
}

function explain({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case "ENOENT": return "there is no such file";
    case "EISDIR": return "it is a folder; give the .onnx file in it";
    case "EACCES": case "EPERM": return "there is no permission to read it";
    case "ERR_FS_FILE_TOO_LARGE": return "it is larger than 2 GiB, which no protobuf file may be; save the model with external data";
    default: return message;
  }
}
