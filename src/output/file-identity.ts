/**
 * Tells whether two paths lead to the same file, whatever names, links or spellings they use, and whether or
 * not the file exists.
 */
import { readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/** File systems on these platforms ignore case. */
const IGNORES_CASE = process.platform === "darwin" || process.platform === "win32";

interface FileIdentity {
  /** The file's path with all links resolved. */
  readonly place: string;
  /** Equal for all hard links to a file; undefined where no file exists yet. */
  readonly inode: string | undefined;
}

export function identityOf(path: string): FileIdentity {
  const real = placeOf(path);
  return { place: IGNORES_CASE ? real.toLowerCase() : real, inode: inodeOf(path) };
}

export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.place === b.place || (a.inode !== undefined && a.inode === b.inode);
}

/**
 * Whether both are the same name in the same folder. Messages then need not explain that two different paths
 * are one file.
 */
export function isSameName(a: string, b: string): boolean {
  const [first, second] = [a, b].map((path) =>
    join(identityOf(dirname(resolve(path))).place, basename(path)),
  );
  return first === second;
}

/** The number of links in a row that Linux follows. */
const MAX_LINKS = 40;

/**
 * The file that a path leads to. It need not exist: a link may point to a file that is still to be written.
 */
export function placeOf(path: string, links = MAX_LINKS): string {
  const full = resolve(path);
  const real = attempt(() => realpathSync(full));
  // The root always exists, except for a missing drive on Windows.
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
    // Some file systems have no inode numbers.
    return ino === 0n ? undefined : `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/** A file that the run reads. */
export interface FileRead {
  readonly path: string;
  /** For messages, such as "the calibration data". */
  readonly what: string;
  /** With `force`, the output may replace the model it is made from, and its weights. */
  readonly role?: "model" | "weights";
}
