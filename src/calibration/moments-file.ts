/**
 * Gram matrices in files: the calibration process writes them, and the main process reads each one when it is
 * asked for. A network has some gigabytes of them, of which one is in use at a time.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { EdgecError } from "../errors.js";
import type { Gram } from "../numeric/statistics.js";
import { systemErrorOf } from "../system-errors.js";

/** The contents of a file: for each group its matrix, then its mean, as doubles in this machine's byte order. */
export interface StoredGram {
  readonly size: number;
  readonly groups: number;
  readonly rows: number;
}

export function gramBytesOf({ matrices, means }: Gram): number {
  return [...matrices, ...means].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** Throws EdgecError CANNOT_WRITE if there is no space. */
export async function writeGram(gram: Gram, path: string): Promise<StoredGram> {
  const { size, rows, matrices, means } = gram;
  try {
    const file = await open(path, "wx");
    try {
      for (const [group, matrix] of matrices.entries()) {
        await file.writeFile(bytesOf(matrix));
        await file.writeFile(bytesOf(means[group]!));
      }
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw systemErrorOf(cause, path) ?? cause;
  }
  return { size, groups: matrices.length, rows };
}

/** Reads synchronously, because passes get statistics synchronously. Throws EdgecError CANNOT_READ. */
export function readGram(path: string, { size, groups, rows }: StoredGram): Gram {
  const file = openSync(path, "r");
  try {
    const matrices: Float64Array[] = [];
    const means: Float64Array[] = [];
    for (let group = 0; group < groups; group++) {
      matrices.push(readDoubles(file, size * size));
      means.push(readDoubles(file, size));
    }
    return { size, matrices, means, rows };
  } finally {
    closeSync(file);
  }
}

/** Bytes of one system call. */
const PIECE = 2 ** 28;

function readDoubles(file: number, count: number): Float64Array {
  const values = new Float64Array(count);
  const bytes = bytesOf(values);
  for (let at = 0; at < bytes.length;) {
    const read = readSync(file, bytes, at, Math.min(PIECE, bytes.length - at), null);
    if (read === 0) throw new EdgecError("CANNOT_READ", "a temporary file of calibration was truncated");
    at += read;
  }
  return values;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
