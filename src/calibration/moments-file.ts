/**
 * Gram matrices in files: the calibration process writes them, and the main process or a solver reads each one
 * when it is needed. A network has some gigabytes of them, of which one is in use at a time.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { EdgecError } from "../errors.js";
import type { Gram, MeasuredGram, StoredGram } from "../numeric/statistics.js";
import type { Reals } from "../solver/index.js";
import { systemErrorOf } from "../system-errors.js";

export function gramBytesOf({ matrices, means, samples = [] }: MeasuredGram): number {
  return [...matrices, ...samples, ...means].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/**
 * Writes for each group its matrix or rows, then its mean, in this machine's byte order. Throws EdgecError
 * CANNOT_WRITE if there is no space.
 */
export async function writeGram(gram: MeasuredGram, path: string): Promise<StoredGram> {
  const { size, rows, matrices, means, samples } = gram;
  try {
    const file = await open(path, "wx");
    try {
      for (const [group, values] of (samples ?? matrices).entries()) {
        await file.writeFile(bytesOf(values));
        await file.writeFile(bytesOf(means[group]!));
      }
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw systemErrorOf(cause, path) ?? cause;
  }
  const form = samples ? "rows" : matrices[0] instanceof Float32Array ? "singles" : "doubles";
  return { path, size, groups: means.length, rows, form };
}

/** Reads synchronously, because passes get statistics synchronously. Throws EdgecError CANNOT_READ. */
export function readGram(stored: StoredGram): Gram {
  const { path, size, groups, rows, form } = stored;
  const file = openSync(path, "r");
  try {
    const matrices: Float64Array[] = [];
    const samples: Float32Array[] = [];
    const means: Float64Array[] = [];
    for (let group = 0; group < groups; group++) {
      if (form === "rows") samples.push(readAt(file, new Float32Array(rows * size)));
      else if (form === "doubles") matrices.push(readAt(file, new Float64Array(size * size)));
      else matrices.push(new Float64Array(readAt(file, new Float32Array(size * size))));
      means.push(readAt(file, new Float64Array(size)));
    }
    return { size, matrices, means, rows, ...(form === "rows" ? { samples } : {}) };
  } finally {
    closeSync(file);
  }
}

/** With matrices in double precision. */
export function inDoubles(gram: MeasuredGram): Gram {
  const matrices = gram.matrices.map((own) => (own instanceof Float64Array ? own : new Float64Array(own)));
  return { ...gram, matrices };
}

/** Bytes of one system call. */
const PIECE = 2 ** 28;

/** Fills the values from a byte position, or from where the last reading ended. */
export function readAt<T extends Reals>(file: number, values: T, position?: number): T {
  const bytes = bytesOf(values);
  for (let at = 0; at < bytes.length;) {
    const from = position === undefined ? null : position + at;
    const read = readSync(file, bytes, at, Math.min(PIECE, bytes.length - at), from);
    if (read === 0) throw new EdgecError("CANNOT_READ", "a temporary file of calibration was truncated");
    at += read;
  }
  return values;
}

function bytesOf({ buffer, byteOffset, byteLength }: Reals): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
