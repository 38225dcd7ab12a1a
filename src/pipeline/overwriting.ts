/**
 * The one check that a run destroys nothing of the user's: every path that it will write against every file that it
 * reads, by real path and inode, and against what lies there already.
 */
import { statSync } from "node:fs";
import { EdgecError, type ErrorCode } from "../errors.js";
import { isMarkedModel, isReport } from "./edgec-mark.js";
import { identityOf, isSameFile, isSameName } from "./file-identity.js";

/** A file that the run reads. */
export interface FileRead {
  readonly path: string;
  /** "the calibration data". */
  readonly what: string;
  /** A model may be replaced by what is made of it, and its weights with it, where that is asked for. */
  readonly role?: "model" | "weights";
}

/** A path that the run will write, or may. */
export interface FileWritten {
  readonly path: string;
  readonly what: "model" | "weights" | "report" | "search state";
}

export interface Permission {
  /** Whether the model that is read may be replaced, and whatever else that is not read. */
  readonly force: boolean;
}

/**
 * Throws EdgecError OUTPUT_EXISTS, or CANNOT_WRITE for a report, when a path to be written leads to a file that is
 * read, or two of them to one place. With `force` the model may take the place of the one that is read, and its data
 * file that of that one's; nothing else that is read is ever destroyed.
 */
export function refuseOverlap(written: readonly FileWritten[], read: readonly FileRead[], { force }: Permission): void {
  const reading = read.map((file) => ({ ...file, ...identityOf(file.path) }));
  const isReplaced =
    force &&
    written.some(
      ({ path, what }) =>
        what === "model" && reading.some((file) => file.role === "model" && isSameFile(file, identityOf(path))),
    );
  for (const [k, file] of written.entries()) {
    const identity = identityOf(file.path);
    // What is named last is the more particular.
    const input = reading.findLast((other) => isSameFile(other, identity));
    if (input && !(isReplaced && mayReplace(file, input))) throw refusalOf(file, input, force);
    const twice = written.slice(0, k).find(({ path }) => isSameFile(identityOf(path), identity));
    if (twice) throw refusalOf(file, takenBy(twice), true);
  }
}

function mayReplace({ what }: FileWritten, { role }: FileRead): boolean {
  return what === role;
}

const NAMES: Readonly<Record<FileWritten["what"], string>> = {
  model: "the model",
  weights: "the data file of the model",
  report: "another report",
  "search state": "what a search keeps while it runs",
};

/** A file that is written, as one that another must not take the place of. */
export function takenBy({ path, what }: FileWritten): FileRead {
  return { path, what: NAMES[what] };
}

function refusalOf(file: FileWritten, other: FileRead, force: boolean): EdgecError {
  const { path, what } = file;
  if (what === "report") {
    const reason = isSameName(path, other.path)
      ? `${other.what} ${other.path} has that name`
      : `it is another name of ${other.what} ${other.path}`;
    return reportRefusal(path, reason, "Choose another with --report.");
  }
  const of = other.role === "weights" ? "holds weights of the model being read" : `is ${other.what}`;
  const way = what === "model" && other.role === "model" && !force ? ", or give --force to overwrite it" : "";
  return new EdgecError("OUTPUT_EXISTS", `${path} ${of}${alias(path, other.path)}. Choose another name with -o${way}.`);
}

/** " (another name of calib.npz)" where the path itself does not show it. */
function alias(path: string, other: string): string {
  return isSameName(path, other) ? "" : ` (it is another name of ${other})`;
}

/** The refusal of a place for a report. */
export function reportRefusal(
  path: string,
  reason: string,
  advice: string,
  cause?: unknown,
  code: ErrorCode = "CANNOT_WRITE",
): EdgecError {
  return new EdgecError(code, `cannot write the report "${path}": ${reason}. ${advice}`, { cause });
}

/**
 * Whether what lies at the path may be replaced without being asked for: nothing, an empty file, or what edgec wrote.
 * @param owner of weights: the model beside them
 */
export function isReplaceable({ path, what }: FileWritten, owner?: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found || found.size === 0) return true;
  switch (what) {
    case "model":
      return isMarkedModel(path);
    case "weights":
      return owner !== undefined && isMarkedModel(owner, path);
    case "report":
      return isReport(path);
    case "search state":
      return true; // Whoever keeps it leaves other files alone.
  }
}
