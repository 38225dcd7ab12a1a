/** Tensors whose bytes lie in other files: found only inside the model's folder, and loaded one at a time. */
import { closeSync, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { BadModelError } from "../errors.js";
import { byteSize, elementCount, type ExternalSource, type Tensor } from "../ir/index.js";

/** `TensorProto.DataLocation.EXTERNAL`. */
const EXTERNAL = 1;

/** The source of an external tensor's bytes, or undefined when its values are in the model. Reads no data yet. */
export function openExternal(tensor: Tensor, folder: string | undefined): ExternalSource | undefined {
  if (tensor.dataLocation !== EXTERNAL) return undefined;
  const entry = (key: string): string | undefined => tensor.externalData?.find((e) => e.key === key)?.value;
  const location = entry("location");
  const label = `tensor "${tensor.name ?? ""}"`;
  if (!location) throw new BadModelError(`${label} is marked external but names no file`);
  const offset = integerEntry(entry("offset") ?? "0", label, "offset");
  const stated = entry("length");
  const length = stated === undefined ? byteSize(tensor.dataType, elementCount(tensor)) : integerEntry(stated, label, "length");
  return { location, offset, length, load: () => loadRange(label, folder, location, offset, length) };
}

function integerEntry(text: string, label: string, what: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new BadModelError(`${label} has an external-data ${what} of "${text}", which is not a byte count`);
  return value;
}

function loadRange(label: string, folder: string | undefined, location: string, offset: number, length: number | undefined): Uint8Array {
  const path = containedPath(label, folder, location);
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    throw new BadModelError(`${label} needs the data file "${location}", which cannot be opened (${(cause as NodeJS.ErrnoException).code}); put it beside the model`, { cause });
  }
  try {
    const size = fstatSync(file).size;
    const wanted = length ?? size - offset;
    if (offset + wanted > size) throw new BadModelError(`${label} needs bytes ${offset} to ${offset + wanted} of "${location}", which holds only ${size}; the data file is cut off or of another model`);
    const bytes = new Uint8Array(wanted);
    for (let done = 0; done < wanted;) {
      const got = readSync(file, bytes, done, Math.min(wanted - done, 1 << 30), offset + done);
      if (got === 0) throw new BadModelError(`"${location}" ended while ${label} was read`);
      done += got;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

/** The data file's real path; refuses any way out of the model's folder (absolute, "..", links). */
function containedPath(label: string, folder: string | undefined, location: string): string {
  if (folder === undefined) throw new BadModelError(`${label} lies in "${location}", but the model was read from bytes; read it from its path`);
  const escape = (): BadModelError => new BadModelError(`${label} names the data file "${location}", which is outside the model's folder; refused`);
  if (isAbsolute(location) || /^[a-z]:/i.test(location) || outside(folder, resolve(folder, location))) throw escape();
  const path = join(folder, location);
  try {
    if (outside(realpathSync(folder), realpathSync(path))) throw escape();
  } catch (error) {
    if (error instanceof BadModelError) throw error;
    // Missing files get their own message when they are opened.
  }
  return path;
}

function outside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way);
}
