/**
 * Reads tensors whose bytes are in other files: only files inside the model's folder, and one tensor at a
 * time.
 */
import { closeSync, fstatSync, openSync, realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, normalize, relative, sep } from "node:path";
import { BadModelError } from "../errors.js";
import {
  allTensors,
  byteSize,
  elementCount,
  type ExternalSource,
  type Model,
  type Tensor,
} from "../ir/index.js";
import { whyUnreadable } from "../regular-file.js";
import { readFully } from "./read-fully.js";

/** `TensorProto.DataLocation.EXTERNAL`. */
export const EXTERNAL = 1;

/** The location of the model that a tensor belongs to. */
export interface ModelPlace {
  /** The folder that must contain external data; undefined for a model from bytes. */
  readonly folder: string | undefined;
  /** The model's file, for messages. */
  readonly path?: string | undefined;
}

/**
 * The source of an external tensor's bytes, or undefined if its values are in the model. Reads no data yet.
 * Throws BadModelError when the tensor's entries are invalid or name a file outside the model's folder.
 */
export function openExternal(tensor: Tensor, { folder, path }: ModelPlace): ExternalSource | undefined {
  if (tensor.dataLocation !== EXTERNAL) return undefined;
  const entry = (key: string): string | undefined => tensor.externalData?.find((e) => e.key === key)?.value;
  const location = entry("location");
  const label = `tensor "${tensor.name ?? ""}"`;
  if (!location)
    throw new BadModelError(
      `${label} is marked external but names no file. Save the model again with its data.`,
    );
  if (reachesOut(location)) throw escapes(label, location);
  const offset = integerEntry(entry("offset") ?? "0", label, "offset");
  const stated = entry("length");
  const length =
    stated === undefined
      ? byteSize(tensor.dataType, elementCount(tensor))
      : integerEntry(stated, label, "length");
  // Errors while reading name the model; errors here are reported by the reader of the model.
  const owner = path === undefined ? label : `${label} of ${path}`;
  return {
    location,
    offset,
    length,
    ...(folder === undefined ? {} : { folder }),
    load: () => loadRange(owner, containedPath(owner, folder, location), { location, offset, length }),
    read: (target, from) =>
      readRange(
        owner,
        containedPath(owner, folder, location),
        { location, offset: offset + from, length: target.byteLength },
        target,
      ),
  };
}

/** The files that hold tensors of the model, relative to its folder, each once. */
export function dataLocations(model: Model): string[] {
  const locations = new Set<string>();
  for (const { external } of allTensors(model)) if (external) locations.add(external.location);
  return [...locations];
}

/** The paths of these files. */
export function dataFiles(model: Model): string[] {
  const folder = model.path === undefined ? "." : dirname(model.path);
  return dataLocations(model).map((location) => join(folder, location));
}

/**
 * Throws BadModelError when a data file of the model at `path` is a pipe, a device or the like: a runtime
 * that opens it would wait forever. Checks the files without opening them.
 */
export function requireRegularData(model: Model, path: string): void {
  for (const location of dataLocations(model)) {
    if (whyUnreadable(join(dirname(path), location)) === undefined) continue;
    const reason = "which is not a file. Put the model's data file there.";
    throw new BadModelError(`${path} keeps weights in "${location}", ${reason}`);
  }
}

function integerEntry(text: string, label: string, what: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new BadModelError(`${label} has an external-data ${what} of "${text}", which is not a byte count`);
  return value;
}

/** The bytes of a data file that belong to a tensor; up to the end of the file if the length is unknown. */
type Range = Pick<ExternalSource, "location" | "offset" | "length">;

function loadRange(label: string, path: string, range: Range): Uint8Array {
  return readRange(label, path, range, undefined);
}

/** Reads into `target`, or into a new array after checking that the file has as many bytes. */
function readRange(
  label: string,
  path: string,
  { location, offset, length }: Range,
  target: Uint8Array | undefined,
): Uint8Array {
  const file = openRegular(label, path, location);
  try {
    const size = fstatSync(file).size;
    const wanted = length ?? Math.max(0, size - offset);
    if (offset + wanted > size) {
      throw new BadModelError(
        `${label} needs bytes ${offset} to ${offset + wanted} of "${location}", which has ` +
          `only ${size}. The data file is truncated or belongs to another model.`,
      );
    }
    const bytes = target ?? allocate(label, wanted);
    if (!readFully(file, bytes, offset))
      throw new BadModelError(`"${location}" ended while ${label} was read`);
    return bytes;
  } finally {
    closeSync(file);
  }
}

/** Opens a regular file; a pipe or device would block forever or never end. */
function openRegular(label: string, path: string, location: string): number {
  try {
    if (statSync(path).isFile() && whyUnreadable(path) === undefined) return openSync(path, "r");
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "is missing" : `cannot be opened (${code ?? message})`;
    throw new BadModelError(
      `${label} keeps its values in the data file "${location}", which ${reason}. Put it beside the model.`,
      { cause },
    );
  }
  throw new BadModelError(`${label} keeps its values in "${location}", which is not a file`);
}

function allocate(label: string, length: number): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new BadModelError(`${label} needs ${length} bytes, which do not fit in memory`, { cause });
  }
}

/** The data file's path. Refuses links that lead out of the model's folder. */
function containedPath(label: string, folder: string | undefined, location: string): string {
  if (folder === undefined)
    throw new BadModelError(
      `${label} keeps its values in "${location}", but the model was read from bytes. Read it from its path.`,
    );
  const path = join(folder, location);
  let target: string;
  try {
    target = realpathSync(path);
  } catch {
    return path; // Opening a missing file gives a better error.
  }
  if (reachesOut(relative(realpathSync(folder), target))) throw escapes(label, location);
  return target;
}

/** Whether a relative path leaves its folder. On Windows, a drive letter or a backslash could do so. */
function reachesOut(path: string): boolean {
  const way = normalize(path);
  return isAbsolute(path) || /^[a-z]:|\\|\0/i.test(path) || way === ".." || way.startsWith(`..${sep}`);
}

function escapes(label: string, location: string): BadModelError {
  return new BadModelError(
    `${label} names the data file "${location}", which is not inside the model's folder; ` +
      "refused, because a model must not read other files",
  );
}
