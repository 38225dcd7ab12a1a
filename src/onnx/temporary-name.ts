/**
 * Names of temporary files and folders. They tell which run they belong to, so that whoever cleans up behind a run that
 * was killed finds them all, and takes nothing that is in use.
 */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import { notify } from "../run-notices.js";
import { recoverMoves } from "./unfinished-moves.js";

/** Set for child processes: what they make belongs to the run that started them. */
export const RUN_VARIABLE = "EDGEC_RUN";

const NAME = /^\.?edgec-(\d+)-([0-9a-f]{8})-/;
const RUN = /^\d+-[0-9a-f]{8}$/;
/** After so long without a change, what another machine left behind is taken for stale. */
const STALE_MS = 7 * 24 * 3600 * 1000;

let ownRun: string | undefined;
let place: string | undefined;

/** The run that this process belongs to: "<process id>-<place>". */
export function runToken(): string {
  const given = process.env[RUN_VARIABLE];
  return (ownRun ??= given !== undefined && RUN.test(given) ? given : newRunToken());
}

/** A run of this process's own, even where the environment names another. */
export function newRunToken(): string {
  return `${process.pid}-${placeHash()}`;
}

/** Process ids mean something only on one machine, since it was started, and in one container. */
function placeHash(): string {
  place ??= createHash("sha256")
    .update(
      [
        hostname(),
        read(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8")),
        read(() => readlinkSync("/proc/self/ns/pid")),
      ].join("\n"),
    )
    .digest("hex")
    .slice(0, 8);
  return place;
}

function read(from: () => string): string {
  try {
    return from();
  } catch {
    return "";
  }
}

const looked = new Set<string>();

/**
 * The beginning of names for what this run makes in `folder`, as `mkdtemp` takes it. Hidden beside a user's files.
 * What runs that are gone have left in the folder is removed at the first call.
 */
export function temporaryPrefix(folder: string, purpose: string): string {
  const place = resolve(folder);
  if (!looked.has(place) && !isWithinRun(place)) {
    looked.add(place);
    notify({ kind: "folder", path: place });
    removeStale(place);
  }
  return join(folder, `${place === resolve(tmpdir()) ? "" : "."}edgec-${runToken()}-${purpose}-`);
}

/** A path for a temporary file beside `path`, where there is none yet. */
export function temporaryBeside(path: string, purpose: string): string {
  return `${temporaryPrefix(dirname(path), purpose)}${randomBytes(6).toString("hex")}`;
}

/** The system's folder for temporary files, when `path` lies in a folder that this run has made there. */
export function temporaryPlaceOf(path: string): string | undefined {
  const rest = resolve(path).slice(resolve(tmpdir()).length + 1);
  return resolve(path).startsWith(resolve(tmpdir()) + sep) && rest.startsWith(`edgec-${runToken()}-`)
    ? tmpdir()
    : undefined;
}

function isWithinRun(folder: string): boolean {
  return folder.split(sep).some((part) => NAME.exec(part) && part.includes(`edgec-${runToken()}-`));
}

/** Removes all that a run has made in `folder`. What cannot be removed stays. */
export function removeRun(folder: string, run: string): void {
  removeAll(folder, (pid, hash) => `${pid}-${hash}` === run);
}

/** Removes what runs have made in `folder` whose process is gone, or that nothing has changed in for a week. */
export function removeStale(folder: string): void {
  removeAll(folder, (pid, hash, path) => (hash === placeHash() ? !isRunning(pid) : isOld(path)));
}

function removeAll(folder: string, isDue: (pid: number, hash: string, path: string) => boolean): void {
  const due = namesIn(folder).flatMap((name) => {
    const [, pid, hash = ""] = NAME.exec(name) ?? [];
    const path = join(folder, name);
    return pid !== undefined && isOwn(path) && isDue(Number(pid), hash, path) ? [path] : [];
  });
  if (due.length > 0) recoverMoves(folder, due);
  for (const path of due) {
    try {
      rmSync(path, { recursive: true, force: true, maxRetries: 2, retryDelay: 20 });
    } catch {
      // Another run may be removing it, or the folder may not be ours.
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Others may make files of such names in a shared folder; those are left alone, and links too. */
function isOwn(path: string): boolean {
  try {
    const { uid, isLink } = found(path);
    return !isLink && (process.getuid === undefined || uid === process.getuid());
  } catch {
    return false;
  }
}

function found(path: string): { readonly uid: number; readonly isLink: boolean; readonly changedMs: number } {
  const stats = lstatSync(path);
  return { uid: stats.uid, isLink: stats.isSymbolicLink(), changedMs: stats.mtimeMs };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** By the latest change of it and of what lies directly in it. */
function isOld(path: string): boolean {
  try {
    const times = [path, ...namesIn(path).map((name) => join(path, name))]
      .filter((each) => existsSync(each))
      .map((each) => found(each).changedMs);
    return Date.now() - Math.max(...times) > STALE_MS;
  } catch {
    return false;
  }
}
