/** Files that are written whole or not at all: made under a temporary name, synced, then renamed. */
import { closeSync, constants, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { pieces, type ByteSource } from "../ir/index.js";
import { asidePath, recordMoves, type Move } from "./unfinished-moves.js";

/** One write call takes at most this many bytes: the kernel's own limit is just below 2 GiB. */
const WRITE_AT_MOST = 2 ** 30;

/**
 * Creates a file that must not exist yet and fills it.
 * @param durable whether to bring it to the disk, so that it outlives a crash of the machine
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

/** Node's permission model forbids `fsync`, whatever was allowed. */
function hasNoSync(): boolean {
  return (process.permission as typeof process.permission | undefined) !== undefined;
}

/** Writes all bytes at `position` and returns where they end; one call may write less than asked. */
export function writeAll(file: number, bytes: Uint8Array, position: number): number {
  for (let done = 0; done < bytes.byteLength;) {
    done += writeSync(file, bytes, done, Math.min(bytes.byteLength - done, WRITE_AT_MOST), position + done);
  }
  return position + bytes.byteLength;
}

/** Writes what lies on the disk elsewhere through a small buffer. */
export function writeFrom(file: number, source: ByteSource | Uint8Array, position: number): number {
  if (source instanceof Uint8Array) return writeAll(file, source, position);
  let end = position;
  for (const piece of pieces(source)) end = writeAll(file, piece, end);
  return end;
}

/**
 * Gives finished files their names; when one cannot have its own, all is as before. A single file replaces an old one
 * at once. Where there are several, old ones are set aside first, last name first: a crash of the machine then leaves
 * files missing, but never an old model beside new weights. A process that is killed in between leaves a record, by
 * which the old files are put back.
 * @param moves the model last
 */
export function takeNames(moves: readonly Move[]): void {
  const done: (() => void)[] = [];
  const aside: string[] = [];
  const record = moves.length > 1 ? recordMoves(moves) : undefined;
  const rename = (from: string, to: string): void => {
    renameSync(from, to);
    done.unshift(() => renameSync(to, from));
  };
  try {
    if (moves.length > 1) for (const { from, to } of [...moves].reverse()) {
      if (!existsSync(to)) continue;
      rename(to, asidePath(from));
      aside.push(asidePath(from));
    }
    for (const { from, to } of moves) rename(from, to);
  } catch (cause) {
    for (const undo of done) undo();
    if (record !== undefined) rmSync(record, { force: true });
    throw cause;
  }
  for (const path of record === undefined ? aside : [...aside, record]) rmSync(path, { force: true });
}

export type { Move };

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
