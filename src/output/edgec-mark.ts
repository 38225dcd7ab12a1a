/** Recognizes files that edgec wrote, so that a run replaces only files of an earlier run. */
import { closeSync, fstatSync, openSync } from "node:fs";
import { basename } from "node:path";
import type { Model } from "../ir/index.js";
import { dataLocations, readModel } from "../onnx/index.js";
import { readFully } from "../onnx/read-fully.js";
import { VERSION } from "../version.js";

/** Key of the mark in the model's metadata. */
const KEY = "edgec.version";
const PIECE = 2 ** 20;

/** Writes the version of edgec into the model's metadata, replacing an earlier one. */
export function markModel(model: Model): void {
  const entries = model.metadata ?? [];
  const isThere = entries.some(({ key }) => key === KEY);
  model.metadata = isThere
    ? entries.map((entry) => (entry.key === KEY ? { ...entry, value: VERSION } : entry))
    : [...entries, { key: KEY, value: VERSION }];
}

/**
 * Whether the file at `path` is a model with the mark. With `data`, whether it also keeps weights in that
 * file beside it.
 */
export function isMarkedModel(path: string, data?: string): boolean {
  try {
    const model = readModel(path);
    const isMarked = model.metadata?.some(({ key }) => key === KEY) === true;
    return isMarked && (data === undefined || dataLocations(model).includes(basename(data)));
  } catch {
    return false;
  }
}

/** Whether two files have the same bytes, so that replacing one by the other loses nothing. */
export function isEqualFile(a: string, b: string): boolean {
  const files: number[] = [];
  try {
    for (const path of [a, b]) files.push(openSync(path, "r"));
    const [first = 0, second = 0] = files;
    const size = fstatSync(first).size;
    if (fstatSync(second).size !== size) return false;
    for (let at = 0; at < size; at += PIECE) {
      const pieces = [0, 1].map(() => Buffer.alloc(Math.min(PIECE, size - at))) as [Buffer, Buffer];
      if (!readFully(first, pieces[0], at) || !readFully(second, pieces[1], at)) return false;
      if (!pieces[0].equals(pieces[1])) return false;
    }
    return true;
  } catch {
    return false;
  } finally {
    for (const file of files) closeSync(file);
  }
}
