/**
 * Checks that a run destroys none of the user's files: compares every path that it will write with every file
 * that it reads, by real path and inode, and with what already exists there.
 */
import { statSync } from "node:fs";
import { EdgecError, type ErrorCode } from "../errors.js";
import { isMarkedModel } from "./edgec-mark.js";
import { type FileRead, identityOf, isSameFile, isSameName } from "./file-identity.js";
import { option } from "../option-names.js";

/** A path that the run will or may write. */
export interface FileWritten {
  readonly path: string;
  readonly what: "model" | "weights" | "report" | "search state";
}

interface Permission {
  /** Whether the run may replace the input model, and any existing file that it does not read. */
  readonly force: boolean;
}

/**
 * Throws EdgecError OUTPUT_EXISTS, or CANNOT_WRITE for a report, when a path to be written leads to a file
 * that is read, or when two of them are the same file. With `force`, the model may replace the one that is
 * read, and its data file that model's data file. No other file that is read is ever replaced.
 */
export function refuseOverlap(
  written: readonly FileWritten[],
  read: readonly FileRead[],
  { force }: Permission,
): void {
  const reading = read.map((file) => ({ ...file, ...identityOf(file.path) }));
  const isReplaced =
    force &&
    written.some(
      ({ path, what }) =>
        what === "model" &&
        reading.some((file) => file.role === "model" && isSameFile(file, identityOf(path))),
    );
  for (const [k, file] of written.entries()) {
    const identity = identityOf(file.path);
    // The last entry is the most specific.
    const input = reading.findLast((other) => isSameFile(other, identity));
    if (input && !(isReplaced && mayReplace(file, input))) throw refusalOf(file, input, force);
    const twice = written.slice(0, k).find(({ path }) => isSameFile(identityOf(path), identity));
    if (twice?.what === "report" && file.what === "report" && isSameName(file.path, twice.path))
      throw reportRefusal(
        file.path,
        "the name is given more than once",
        `Name each file once with ${option("report")}.`,
      );
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
  "search state": "the saved state of the search",
};

/** Describes a written file as one that other outputs must not replace. */
export function takenBy({ path, what }: FileWritten): FileRead {
  return { path, what: NAMES[what] };
}

function refusalOf(file: FileWritten, other: FileRead, force: boolean): EdgecError {
  const { path, what } = file;
  if (what === "report") {
    const reason = isSameName(path, other.path)
      ? `${other.what} ${other.path} has that name`
      : `it is the same file as ${other.what} ${other.path}`;
    return reportRefusal(path, reason, `Choose another with ${option("report")}.`);
  }
  const of = other.role === "weights" ? "holds weights of the model being read" : `is ${other.what}`;
  const way =
    what === "model" && other.role === "model" && !force
      ? `, or give ${option("force")} to overwrite it`
      : "";
  return new EdgecError(
    "OUTPUT_EXISTS",
    `${path} ${of}${alias(path, other.path)}. Choose another name with ${option("output")}${way}.`,
  );
}

/** " (it is the same file as calib.npz)" where the path itself does not show it. */
function alias(path: string, other: string): string {
  return isSameName(path, other) ? "" : ` (it is the same file as ${other})`;
}

/** The error for a path where a report cannot be written. */
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
 * Whether the path may be replaced without asking: nothing exists there, or an empty file, or a file that
 * edgec wrote.
 * @param owner of weights: the model beside them
 */
export function isReplaceable({ path, what }: FileWritten, owner?: string): boolean {
  if (isVacant(path)) return true;
  switch (what) {
    case "model":
      return isMarkedModel(path);
    case "weights":
      return owner !== undefined && isMarkedModel(owner, path);
    case "report":
      return false; // Which texts are reports is for the room of reports to say.
    case "search state":
      return true; // The search leaves other files alone by itself.
  }
}

/** Whether nothing lies at the path, or an empty file. */
export function isVacant(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return !found || found.size === 0;
}
