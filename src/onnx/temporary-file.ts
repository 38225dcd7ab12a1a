/** Files that are written whole or not at all: made under a temporary name, synced, then renamed. */
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";

/** One write call takes at most this many bytes: the kernel's own limit is just below 2 GiB. */
const WRITE_AT_MOST = 2 ** 30;

/** Creates a file that must not exist yet, fills it and brings it to the disk. */
export function createFile(path: string, fill: (file: number) => void): void {
  const file = openSync(path, "wx");
  try {
    fill(file);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Writes all bytes at `position` and returns where they end; one call may write less than asked. */
export function writeAll(file: number, bytes: Uint8Array, position: number): number {
  for (let done = 0; done < bytes.byteLength;) {
    done += writeSync(file, bytes, done, Math.min(bytes.byteLength - done, WRITE_AT_MOST), position + done);
  }
  return position + bytes.byteLength;
}

/** Brings a rename to the disk. Not every system lets a folder be opened; there the rename lands in its own time. */
export function syncFolder(path: string): void {
  try {
    const folder = openSync(path, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // Nothing to do: the files themselves are synced.
  }
}
