/**
 * The record of renames that belong together, kept while they are under way: a process that is killed in between leaves
 * it behind, and whoever cleans up puts the old files back.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";

export interface Move {
  readonly from: string;
  readonly to: string;
}

/** A move as recorded: `from` relative to the folder of `to`, and what file it is. */
interface RecordedMove {
  readonly from: string;
  readonly to: string;
  readonly file: string;
}

const ENDING = ".moves";

/** Where the old file lies while a new one takes its name. */
export function asidePath(from: string): string {
  return `${from}.old`;
}

/**
 * Records the moves and returns the path to remove once they are done. Undefined, and nothing recorded, unless they all
 * lead into one folder, from inside it.
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

/** Puts back what was under way in temporary files and folders of `folder`, all of them about to be removed. */
export function recoverMoves(folder: string, temporary: readonly string[]): void {
  for (const record of temporary.flatMap((path) => [
    path,
    ...entriesOf(path).flatMap((entry) => [entry, ...entriesOf(entry)]),
  ])) {
    if (!record.endsWith(ENDING)) continue;
    try {
      putBack(folder, record, temporary);
    } catch {
      // What cannot be put back, as in a folder that is read-only by now, stays as it is.
    }
  }
}

function putBack(folder: string, record: string, temporary: readonly string[]): void {
  const parsed = JSON.parse(readFileSync(record, "utf8")) as RecordedMove[];
  const moves = parsed.filter(
    (move) => isSafe(move) && temporary.some((path) => isWithin(join(folder, move.from), path)),
  );
  const isDone = moves.every(({ from }) => !existsSync(join(folder, from)));
  // All have their names; old ones that were set aside go with the rest.
  if (!isDone) undo(moves.map(({ from, to, file }) => ({ from: join(folder, from), to: join(folder, to), file })));
  rmSync(record, { force: true });
}

/** Takes new names back, the model's first, then gives old files theirs, the model last, as in `takeNames`. */
function undo(moves: readonly RecordedMove[]): void {
  for (const { from, to, file } of [...moves].reverse()) {
    if (!existsSync(from) && existsSync(to) && identity(to) === file) renameSync(to, from);
  }
  for (const { from, to } of moves) if (existsSync(asidePath(from)) && !existsSync(to)) renameSync(asidePath(from), to);
}

/** A record is no reason to touch anything but the files beside it. */
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
