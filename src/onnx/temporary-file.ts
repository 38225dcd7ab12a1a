/** Writes files completely or not at all: under a temporary name, synced, then renamed. */
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { pieces, type ByteSource } from "../ir/index.js";
import { backupPath, recordMoves, type Move } from "./unfinished-moves.js";

/** Most bytes per write call: the kernel's own limit is just below 2 GiB. */
const MAX_WRITE_BYTES = 2 ** 30;

/**
 * Creates and fills a file that must not exist yet.
 * @param durable whether to sync it to disk, so that it survives a crash of the machine
 */
export function createFile(path: string, fill: (file: number) => void, durable = true): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_SYNC } = constants;
  const syncsEachWrite = durable && hasNoSync();
  const file = openSync(path, O_WRONLY | O_CREAT | O_EXCL | (syncsEachWrite ? O_SYNC : 0));
  try {
    fill(file);
    if (durable && !syncsEachWrite) fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Node's permission model forbids `fsync`, whatever else it allows. */
function hasNoSync(): boolean {
  return (process.permission as typeof process.permission | undefined) !== undefined;
}

/** Writes all bytes at `position` and returns where they end; one call may write less than requested. */
export function writeAll(file: number, bytes: Uint8Array, position: number): number {
  for (let done = 0; done < bytes.byteLength;) {
    done += writeSync(file, bytes, done, Math.min(bytes.byteLength - done, MAX_WRITE_BYTES), position + done);
  }
  return position + bytes.byteLength;
}

/** Copies bytes from elsewhere on disk through a small buffer. */
export function writeFrom(file: number, source: ByteSource | Uint8Array, position: number): number {
  if (source instanceof Uint8Array) return writeAll(file, source, position);
  let end = position;
  for (const piece of pieces(source)) end = writeAll(file, piece, end);
  return end;
}

/**
 * Gives finished files their final names. If one rename fails, everything is as before. A single file
 * replaces an old one at once. With several, old files are first moved to backups, last name first: a crash of the
 * machine may then leave files missing, but never an old model beside new weights. If the process is killed
 * in between, a record remains that allows the old files to be restored.
 * @param moves the model last
 */
export function takeNames(moves: readonly Move[]): void {
  const done: (() => void)[] = [];
  const backups: string[] = [];
  const record = moves.length > 1 ? recordMoves(moves) : undefined;
  const rename = (from: string, to: string): void => {
    renameSync(from, to);
    done.unshift(() => renameSync(to, from));
  };
  try {
    if (moves.length > 1)
      for (const { from, to } of [...moves].reverse()) {
        if (!existsSync(to)) continue;
        rename(to, backupPath(from));
        backups.push(backupPath(from));
      }
    for (const { from, to } of moves) rename(from, to);
  } catch (cause) {
    for (const undo of done) undo();
    if (record !== undefined) rmSync(record, { force: true });
    throw cause;
  }
  for (const path of record === undefined ? backups : [...backups, record]) rmSync(path, { force: true });
}

export type { Move };

/** Syncs a rename to disk. Not every system can open a folder; there the rename is written later. */
export function syncFolder(path: string): void {
  try {
    const folder = openSync(path, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // Ignored: the files themselves are synced.
  }
}
