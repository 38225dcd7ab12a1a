/** Whether two paths lead to one file, by whatever names, links or spellings, and whether it exists yet or not. */
import { readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/** On these systems names differ in case alone and mean the same file. */
const IGNORES_CASE = process.platform === "darwin" || process.platform === "win32";

export interface FileIdentity {
  /** The file's path without links in it. */
  readonly place: string;
  /** The same for all hard links to a file; undefined where there is no file yet. */
  readonly inode: string | undefined;
}

export function identityOf(path: string): FileIdentity {
  const real = placeOf(path);
  return { place: IGNORES_CASE ? real.toLowerCase() : real, inode: inodeOf(path) };
}

export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.place === b.place || (a.inode !== undefined && a.inode === b.inode);
}

/** Whether both are one name in one folder, which says more to a person than that they are one file. */
export function isSameName(a: string, b: string): boolean {
  const [first, second] = [a, b].map((path) => join(identityOf(dirname(resolve(path))).place, basename(path)));
  return first === second;
}

/** As many links in a row as Linux follows. */
const MOST_LINKS = 40;

/** The file that a path leads to, whether it exists yet or not: a link may lead to what is still to be written. */
export function placeOf(path: string, links = MOST_LINKS): string {
  const full = resolve(path);
  const real = attempt(() => realpathSync(full));
  // The root exists on every system but for a drive of Windows that is not there.
  if (real !== undefined || dirname(full) === full) return real ?? full;
  const target = links > 0 ? attempt(() => readlinkSync(full)) : undefined;
  const folder = placeOf(dirname(full), links);
  return target === undefined ? join(folder, basename(full)) : placeOf(resolve(folder, target), links - 1);
}

function attempt(look: () => string): string | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

function inodeOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    // Some file systems number nothing.
    return ino === 0n ? undefined : `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
