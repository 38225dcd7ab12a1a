/**
 * Writes a model file: to a temporary file in the same folder, synced, then renamed, so that a crash leaves
 * the old file.
 */
import { rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { requireModel, requirePath } from "../arguments.js";
import { EdgecError, sentence } from "../errors.js";
import type { Model } from "../ir/index.js";
import { anyObject, boolean, either, notNegative } from "../option-checks.js";
import { type KeysOf, refuseUnknown } from "../option-keys.js";
import { isSamePlace, planData, settleData, type ExternalDataOption } from "./external-data-file.js";
import { dataFiles } from "./external-data.js";
import { encodeParts, totalLength } from "./encode.js";
import { createFile, syncFolder, takeNames, writeFrom } from "./temporary-file.js";
import { temporaryBeside, temporaryPlaceOf } from "./temporary-name.js";

/** Protobuf readers count bytes in a signed 32-bit integer. */
const MAX_BYTES = 2 ** 31 - 1;
/** Leaves space for the graph, and for tools that copy the file with additions. */
const MAX_INLINE_BYTES = 1_900_000_000;

export interface WriteOptions {
  /**
   * Where weights go. Absent: they stay inside or outside the model as they were, and those outside move with
   * it to another folder; beyond `maxInlineBytes` they go outside, because protobuf ends at 2 GiB. `true` (or
   * a minimum size in bytes, 1024 by default): outside, in `<name>.data`. `false`: inside.
   */
  readonly externalData?: Exclude<ExternalDataOption, undefined>;
  /** Most bytes of weights in a model file, unless the caller chooses a place. Default 1.9 GB. */
  readonly maxInlineBytes?: number;
  /**
   * Whether the file must survive a crash of the machine; default true. A model that is only run and removed
   * need not wait for the disk.
   */
  readonly durable?: boolean;
}

const MIN_BYTES_KEYS = { minBytes: notNegative };

const WRITE_KEYS = {
  externalData: either(boolean, anyObject),
  maxInlineBytes: notNegative,
  durable: boolean,
} satisfies KeysOf<WriteOptions>;

export interface WriteResult {
  readonly path: string;
  /** Bytes of the model file. */
  readonly bytes: number;
  /** The data file written beside the model, if there is one. */
  readonly dataPath?: string;
  readonly dataBytes: number;
}

/**
 * Writes the model to `path`. Never overwrites data files that its tensors are read from, not even with the
 * model itself.
 * @throws EdgecError CANNOT_WRITE with the reason; then nothing is left behind and an existing file is
 *   unchanged
 */
export function writeModel(model: Model, path: string, options: WriteOptions = {}): WriteResult {
  requireModel("writeModel", model);
  requirePath("writeModel", "the path", path);
  refuseUnknown("writeModel", WRITE_KEYS, options);
  if (typeof options.externalData === "object")
    refuseUnknown("writeModel: externalData", MIN_BYTES_KEYS, options.externalData);
  const { externalData, maxInlineBytes = MAX_INLINE_BYTES, durable = true } = options;
  const folder = dirname(path);
  const stem = temporaryBeside(path, "write");
  const temporary = { model: `${stem}.onnx.tmp`, data: `${stem}.data.tmp` };
  try {
    requirePlace(path);
    const holdsWeights = dataFiles(model).some((data) => isSamePlace(data, path));
    if (holdsWeights) throw refusal(path, "it contains weights of the model. Choose another name.");
    const plan = planData(model, path, externalData, maxInlineBytes);
    const { substitutes, dataBytes } = settleData(plan, temporary.data, durable);
    const parts = encodeParts(model, substitutes);
    const bytes = totalLength(parts);
    if (bytes > MAX_BYTES)
      throw refusal(
        path,
        `it would have ${bytes} bytes, and protobuf files are limited to 2 GiB. ` +
          "Store weights outside with externalData.",
      );
    createFile(
      temporary.model,
      (file) => void parts.reduce((position, part) => writeFrom(file, part, position), 0),
      durable,
    );
    const dataPath = join(folder, plan.dataName);
    takeNames([
      ...(plan.move.length > 0 ? [{ from: temporary.data, to: dataPath }] : []),
      { from: temporary.model, to: path },
    ]);
    if (durable) syncFolder(folder);
    return { path, bytes, dataBytes, ...(plan.move.length > 0 ? { dataPath } : {}) };
  } catch (cause) {
    throw isSystemError(cause) ? refusal(path, explain(cause), cause) : cause;
  } finally {
    rmSync(temporary.model, { force: true });
    rmSync(temporary.data, { force: true });
  }
}

/** Throws CANNOT_WRITE when the path is empty or a folder, or the folder does not exist. */
function requirePlace(path: string): void {
  if (path === "") throw refusal(path, "the name is empty. Give a file name.");
  const folder = dirname(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw refusal(path, `the folder "${folder}" does not exist. Create it first.`);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw refusal(path, "it is a folder. Give a file name.");
}

function refusal(path: string, reason: string, cause?: unknown): EdgecError {
  const place = temporaryPlaceOf(path);
  // A generated name means nothing to the user.
  const where = place === undefined ? `"${path}"` : `a model to the temporary folder ${place}`;
  const advice = place === undefined ? "" : ", or set TMPDIR to a folder with enough space";
  return new EdgecError("CANNOT_WRITE", `cannot write ${where}: ${sentence(`${reason}${advice}`)}`, {
    cause,
  });
}

function isSystemError(cause: unknown): cause is NodeJS.ErrnoException {
  return cause instanceof Error && !(cause instanceof EdgecError) && "code" in cause && "syscall" in cause;
}

function explain({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return "no space left on the disk. Free some space or choose another place";
    case "EACCES":
    case "EPERM":
      return "permission denied. Choose another place";
    case "EROFS":
      return "the disk is read-only. Choose another place";
    case "EFBIG":
      return "the file exceeds the size limit. Raise it (ulimit -f) or choose another place";
    case "ENAMETOOLONG":
      return "the name is too long. Use a shorter one";
    default:
      return message;
  }
}
