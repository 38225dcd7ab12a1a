/**
 * A record of renames that belong together, kept while they are in progress. If the process is killed in
 * between, the next cleanup uses it to restore the old files.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";

export interface Move {
  readonly from: string;
  readonly to: string;
}

/** A recorded move: `from` is relative to the folder of `to`; also identifies the file. */
interface RecordedMove {
  readonly from: string;
  readonly to: string;
  readonly file: string;
}

const ENDING = ".moves";

/** Path of the old file while the new one is renamed. */
export function backupPath(from: string): string {
  return `${from}.old`;
}

/**
 * Records the moves and returns the path to remove when they are done. Records nothing and returns undefined
 * unless all moves lead into one folder, from inside it.
 */
export function recordMoves(moves: readonly Move[]): string | undefined {
  const last = moves.at(-1);
  if (!last) return undefined;
  const folder = dirname(resolve(last.to));
  const recorded = moves.map(({ from, to }) => ({
    from: relative(folder, resolve(from)),
    to: relative(folder, resolve(to)),
    file: identity(from),
  }));
  if (!recorded.every((move) => isSafe(move))) return undefined;
  const path = `${last.from}${ENDING}`;
  writeFileSync(path, JSON.stringify(recorded), { flag: "wx" });
  return path;
}

/** Undoes unfinished moves in temporary files and folders of `folder`, which are about to be removed. */
export function recoverMoves(folder: string, temporary: readonly string[]): void {
  for (const record of temporary.flatMap((path) => [
    path,
    ...entriesOf(path).flatMap((entry) => [entry, ...entriesOf(entry)]),
  ])) {
    if (!record.endsWith(ENDING)) continue;
    try {
      putBack(folder, record, temporary);
    } catch {
      // Ignores what cannot be restored, for example in a folder that is now read-only.
    }
  }
}

function putBack(folder: string, record: string, temporary: readonly string[]): void {
  const parsed = JSON.parse(readFileSync(record, "utf8")) as RecordedMove[];
  const moves = parsed.filter(
    (move) => isSafe(move) && temporary.some((path) => isWithin(join(folder, move.from), path)),
  );
  const isDone = moves.every(({ from }) => !existsSync(join(folder, from)));
  // If all moves are done, the old files are removed with the rest.
  if (!isDone)
    undo(moves.map(({ from, to, file }) => ({ from: join(folder, from), to: join(folder, to), file })));
  rmSync(record, { force: true });
}

/** Removes new names, the model's first, then restores the old files, the model last, as in `takeNames`. */
function undo(moves: readonly RecordedMove[]): void {
  for (const { from, to, file } of [...moves].reverse()) {
    if (!existsSync(from) && existsSync(to) && identity(to) === file) renameSync(to, from);
  }
  for (const { from, to } of moves)
    if (existsSync(backupPath(from)) && !existsSync(to)) renameSync(backupPath(from), to);
}

/** A record must not cause changes to any but the files beside it. */
function isSafe({ from, to }: { readonly from: string; readonly to: string }): boolean {
  return to === basename(to) && to !== ".." && !from.split(sep).includes("..") && resolve(sep, from) !== from;
}

function isWithin(path: string, outer: string): boolean {
  return path === outer || path.startsWith(outer + sep);
}

function identity(path: string): string {
  const { dev, ino, size } = lstatSync(path, { bigint: true });
  return `${dev}:${ino}:${size}`;
}

function entriesOf(path: string): string[] {
  try {
    return readdirSync(path).map((name) => join(path, name));
  } catch {
    return [];
  }
}
