/** Writing a model file: to a temporary file in the same folder, synced, then renamed, so that a crash leaves the old one. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { randomBytes } from "node:crypto";
import { EdgecError } from "../errors.js";
import { nestedGraphs, type Model, type Tensor } from "../ir/index.js";
import { encodeModel, totalLength } from "./encode.js";

/** Data files align each tensor to this many bytes, so that runtimes can map them. */
const ALIGNMENT = 4096;

export interface WriteResult {
  readonly path: string;
  readonly bytes: number;
  /** The data file beside the model, when tensors are kept outside it. */
  readonly dataPath?: string;
  readonly dataBytes: number;
}

/**
 * Writes the model to `path`. Tensors that were external stay external, in one file `<name>.data` beside it.
 * @throws EdgecError CANNOT_WRITE; nothing is left behind and an existing file stays as it was
 */
export function writeModel(model: Model, path: string): WriteResult {
  const folder = dirname(path);
  requireFolder(folder, path);
  const suffix = `.${randomBytes(4).toString("hex")}.tmp`;
  const dataName = `${basename(path)}.data`;
  const temporary = { model: path + suffix, data: join(folder, dataName) + suffix };
  try {
    const { model: settled, dataBytes } = settleExternal(model, dataName, temporary.data);
    const chunks = encodeModel(settled);
    writeFile(temporary.model, chunks);
    if (dataBytes > 0) renameSync(temporary.data, join(folder, dataName));
    renameSync(temporary.model, path);
    return { path, bytes: totalLength(chunks), dataBytes, ...(dataBytes > 0 ? { dataPath: join(folder, dataName) } : {}) };
  } catch (cause) {
    if (cause instanceof EdgecError) throw cause;
    throw new EdgecError("CANNOT_WRITE", `cannot write "${path}": ${explain(cause as NodeJS.ErrnoException)}`, { cause });
  } finally {
    rmSync(temporary.model, { force: true });
    rmSync(temporary.data, { force: true });
  }
}

/** Throws CANNOT_WRITE early when the folder that `path` would lie in does not exist. */
export function requireFolder(folder: string, path: string): void {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new EdgecError("CANNOT_WRITE", `cannot write "${path}": the folder "${folder}" does not exist; make it first`);
  }
}

/** Copies external tensors one at a time into the data file and returns a model that points to them. */
function settleExternal(model: Model, dataName: string, dataPath: string): { model: Model; dataBytes: number } {
  const external = new Map<Tensor, Tensor>();
  for (const graph of nestedGraphs(model.graph)) for (const t of graph.initializers) if (t.external && !t.raw) external.set(t, t);
  if (external.size === 0) return { model, dataBytes: 0 };
  const file = openSync(dataPath, "wx");
  let end = 0;
  try {
    for (const tensor of external.keys()) {
      const bytes = tensor.external?.load() ?? new Uint8Array();
      const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      writeAll(file, bytes, offset);
      end = offset + bytes.byteLength;
      const place = { location: dataName, offset: String(offset), length: String(bytes.byteLength) };
      external.set(tensor, { ...tensor, externalData: Object.entries(place).map(([key, value]) => ({ key, value })) });
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  const initializers = model.graph.initializers.map((tensor) => external.get(tensor) ?? tensor);
  return { model: { ...model, graph: { ...model.graph, initializers } }, dataBytes: end };
}

function writeFile(path: string, chunks: readonly Uint8Array[]): void {
  const file = openSync(path, "wx");
  try {
    let position = 0;
    for (const chunk of chunks) position = writeAll(file, chunk, position);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Writes all bytes at `position` and returns where they end; one call may write less than asked. */
function writeAll(file: number, bytes: Uint8Array, position: number): number {
  for (let done = 0; done < bytes.byteLength;) {
    done += writeSync(file, bytes, done, Math.min(bytes.byteLength - done, 1 << 30), position + done);
  }
  return position + bytes.byteLength;
}

function explain(cause: NodeJS.ErrnoException): string {
  if (cause.code === "ENOSPC") return "no space is left on the disk";
  if (cause.code === "EACCES" || cause.code === "EPERM" || cause.code === "EROFS") return "there is no permission to write there";
  return cause.message;
}
