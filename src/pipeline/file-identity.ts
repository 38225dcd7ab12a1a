/** Whether two paths lead to one file, by whatever names, links or spellings, and whether it exists yet or not. */
import { realpathSync, statSync } from "node:fs";
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
  const real = realOf(path) ?? join(realOf(dirname(resolve(path))) ?? dirname(resolve(path)), basename(path));
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

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path);
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
