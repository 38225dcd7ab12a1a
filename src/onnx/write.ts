/** Writing a model file: to a temporary file in the same folder, synced, then renamed, so that a crash leaves the old one. */
import { rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { EdgecError } from "../errors.js";
import type { Model } from "../ir/index.js";
import { isSamePlace, planData, settleData, type ExternalDataOption } from "./data-file.js";
import { dataFiles } from "./external-data.js";
import { encodeParts, totalLength } from "./encode.js";
import { createFile, syncFolder, takeNames, writeFrom } from "./temporary-file.js";
import { temporaryBeside, temporaryPlaceOf } from "./temporary-name.js";

/** Readers of protobuf count bytes in a signed 32-bit integer. */
const MOST_BYTES = 2 ** 31 - 1;
/** Leaves room for the graph, and for tools that copy the file with additions. */
const MOST_INLINE = 1_900_000_000;

export interface WriteOptions {
  /**
   * Where weights go. Absent: they stay inside or outside the model as they were, and those outside are carried along
   * to another folder; beyond `maxInlineBytes` they go outside, as protobuf ends at 2 GiB. `true` (or a least size in bytes, 1024 by default): outside, in `<name>.data`. `false`: inside.
   */
  readonly externalData?: Exclude<ExternalDataOption, undefined>;
  /** Bytes of weights that a model file may hold unless it was asked for. Default 1.9 GB. */
  readonly maxInlineBytes?: number;
  /** Whether it shall outlive a crash of the machine; default true. A model that is run and removed need not wait for the disk. */
  readonly durable?: boolean;
}

export interface WriteResult {
  readonly path: string;
  /** Bytes of the model file. */
  readonly bytes: number;
  /** The data file written beside the model, when tensors were put there. */
  readonly dataPath?: string;
  readonly dataBytes: number;
}

/**
 * Writes the model to `path`. Data files that its tensors are read from are never overwritten, also not by the model.
 * @throws EdgecError CANNOT_WRITE with the reason; nothing is left behind and an existing file stays as it was
 */
export function writeModel(model: Model, path: string, { externalData, maxInlineBytes = MOST_INLINE, durable = true }: WriteOptions = {}): WriteResult {
  const folder = dirname(path);
  const stem = temporaryBeside(path, "write");
  const temporary = { model: `${stem}.onnx.tmp`, data: `${stem}.data.tmp` };
  try {
    requirePlace(path);
    const holdsWeights = dataFiles(model).some((data) => isSamePlace(data, path));
    if (holdsWeights) throw refusal(path, "it holds weights of the model; choose another name");
    const plan = planData(model, path, externalData, maxInlineBytes);
    const { substitutes, dataBytes } = settleData(plan, temporary.data, durable);
    const parts = encodeParts(model, substitutes);
    const bytes = totalLength(parts);
    if (bytes > MOST_BYTES) throw refusal(path, `it would take ${bytes} bytes, and a protobuf file ends at 2 GiB; keep weights outside with externalData`);
    createFile(temporary.model, (file) => void parts.reduce((position, part) => writeFrom(file, part, position), 0), durable);
    const dataPath = join(folder, plan.dataName);
    takeNames([...(plan.move.length > 0 ? [{ from: temporary.data, to: dataPath }] : []), { from: temporary.model, to: path }]);
    if (durable) syncFolder(folder);
    return { path, bytes, dataBytes, ...(plan.move.length > 0 ? { dataPath } : {}) };
  } catch (cause) {
    throw isSystemError(cause) ? refusal(path, explain(cause), cause) : cause;
  } finally {
    rmSync(temporary.model, { force: true });
    rmSync(temporary.data, { force: true });
  }
}

/** Throws CANNOT_WRITE when the folder does not exist or a folder has the name. */
function requirePlace(path: string): void {
  const folder = dirname(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw refusal(path, `the folder "${folder}" does not exist; make it first`);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw refusal(path, "it is a folder; give a file name");
}

function refusal(path: string, reason: string, cause?: unknown): EdgecError {
  const place = temporaryPlaceOf(path);
  // A name that edgec has made up tells a user nothing.
  const where = place === undefined ? `"${path}"` : `a model to the folder for temporary files, ${place}`;
  const advice = place === undefined ? "" : ", or set TMPDIR to a folder with room";
  return new EdgecError("CANNOT_WRITE", `cannot write ${where}: ${reason}${advice}`, { cause });
}

function isSystemError(cause: unknown): cause is NodeJS.ErrnoException {
  return cause instanceof Error && !(cause instanceof EdgecError) && "code" in cause && "syscall" in cause;
}

function explain({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case "ENOSPC": case "EDQUOT": return "no space is left on the disk; free some or choose another place";
    case "EACCES": case "EPERM": return "there is no permission to write there; choose another place";
    case "EROFS": return "the disk is read-only; choose another place";
    case "EFBIG": return "files may not grow so large there; raise the limit (ulimit -f) or choose another place";
    case "ENAMETOOLONG": return "the name is too long; use a shorter one";
    default: return message;
  }
}
