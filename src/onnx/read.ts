/**
 * Reads a model file. Tensor bytes are views on the file's buffer, or stay on disk if the file is large.
 * External data is not opened yet.
 */
import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { requireModelFile } from "../arguments.js";
import { BadModelError, EdgecError } from "../errors.js";
import { type Model, sortNodes } from "../ir/index.js";
import { notNegative } from "../option-checks.js";
import { type KeysOf, refuseUnknown } from "../option-keys.js";
import { requireRegularFile } from "../regular-file.js";
import { requireRegularData } from "./external-data.js";
import { modelFromWire, type ReadContext } from "./from-wire.js";
import { readSkeleton } from "./lazy-file.js";
import { decodeMessage } from "./schema.js";
import { describeForeignFile, describeText } from "./sniff.js";

/** Protobuf readers count bytes in a signed 32-bit integer. */
const MAX_BYTES = 2 ** 31 - 1;
/** Files from this size on are read without their weights. Bytes. */
const LAZY_FROM = 64 * 2 ** 20;
/** Tensors of fewer bytes are not worth reading separately. */
const CUT_FROM = 65_536;

export interface ReadOptions {
  /**
   * Files of at least this many bytes keep their large tensors on disk until they are needed. Default 64 MiB.
   */
  readonly lazyFrom?: number;
}

const READ_KEYS = { lazyFrom: notNegative } satisfies KeysOf<ReadOptions>;

/**
 * Reads an ONNX model from a path or from bytes. External data can be found only with a path. A large file
 * must not change while the model is in use: reading tensors after a change throws BadModelError.
 * @throws BadModelError when it is not a readable ONNX model; EdgecError CANNOT_READ when the file cannot be
 *   opened or is not a regular file
 */
export function readModel(source: string | Uint8Array, options: ReadOptions = {}): Model {
  requireModelFile("readModel", source);
  refuseUnknown("readModel", READ_KEYS, options);
  const { lazyFrom = LAZY_FROM } = options;
  if (typeof source !== "string") return decodeModel(source);
  requireRegularFile(source);
  const model = readLazily(source, lazyFrom) ?? decodeModel(readWhole(source), source);
  requireRegularData(model, source);
  return { ...model, path: source };
}

/** Undefined for small files, and for those whose error only a complete read can explain. */
function readLazily(path: string, lazyFrom: number): Model | undefined {
  try {
    const size = statSync(path).size;
    if (size < lazyFrom || size > MAX_BYTES) return undefined;
    const skeleton = readSkeleton(path, Math.min(CUT_FROM, lazyFrom));
    return skeleton && sortedModel(skeleton.bytes, { folder: dirname(path), path, cut: skeleton.cut });
  } catch {
    return undefined;
  }
}

/**
 * Decodes a model from bytes. Its tensors are views on them. `path` is used in messages and to find external
 * data.
 */
export function decodeModel(bytes: Uint8Array, path?: string): Model {
  const label = path === undefined ? "the model" : `"${path}"`;
  const foreign = describeForeignFile(bytes);
  if (foreign) throw new BadModelError(`${label} ${foreign}`);
  try {
    return sortedModel(bytes, path === undefined ? { folder: undefined } : { folder: dirname(path), path });
  } catch (cause) {
    if (!(cause instanceof BadModelError)) throw cause;
    throw new BadModelError(
      `${label} ${describeText(bytes) ?? `is not a readable ONNX model: ${cause.message}`}`,
      { cause },
    );
  }
}

/**
 * Files may have nodes in any order. Sorts them, so that all other code finds them in topological order, if
 * there is one.
 */
function sortedModel(bytes: Uint8Array, context: ReadContext): Model {
  const model = modelFromWire(decodeMessage("ModelProto", bytes), context);
  sortNodes(model);
  return model;
}

function readWhole(path: string): Uint8Array {
  try {
    if (statSync(path).size > MAX_BYTES) throw Object.assign(new Error(), { code: "ERR_FS_FILE_TOO_LARGE" });
    return readFileSync(path);
  } catch (cause) {
    throw new EdgecError("CANNOT_READ", `cannot read "${path}": ${explain(cause as NodeJS.ErrnoException)}`, {
      cause,
    });
  }
}

function explain({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case "ENOENT":
      return "there is no such file";
    case "EISDIR":
      return "it is a folder. Give the .onnx file in it.";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "ERR_FS_FILE_TOO_LARGE":
      return "it is larger than 2 GiB, the limit of protobuf. Save the model with external data.";
    default:
      return message;
  }
}
