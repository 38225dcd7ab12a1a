/** Where reports go: files of any number, or standard output. */
import { constants } from "node:fs";
import { access, open, rename, rm, stat, writeFile, type FileHandle } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { EdgecError } from "../errors.js";
import { temporaryBeside } from "../onnx/index.js";
import { placeOf } from "../pipeline/file-identity.js";
import {
  isReplaceable,
  refuseOverlap,
  reportRefusal,
  takenBy,
  type FileRead,
  type FileWritten,
} from "../pipeline/overwriting.js";
import { isUrl, whyNoPlaceForFile } from "../regular-file.js";
import type { Report } from "../report/report.js";
import { isStandardOutput } from "./standard-output.js";

export interface ReportSurroundings {
  /** Other files that the run writes, and those that it reads. */
  readonly written: readonly FileWritten[];
  readonly read: readonly FileRead[];
  /** Whether files may be replaced that edgec did not write. */
  readonly force: boolean;
  /** Whether standard output is taken by `--json`. */
  readonly json: boolean;
}

/**
 * Throws EdgecError before any work is done: CANNOT_WRITE when a report's folder does not exist or is read-only, when
 * the name is none or a folder's, or when it would take the place of a file that the run reads or writes; OUTPUT_EXISTS
 * for a file that edgec did not write; BAD_OPTION when two of them go to standard output.
 */
export async function requireReportPlaces(
  paths: readonly string[],
  { written, read, force, json }: ReportSurroundings,
): Promise<void> {
  const [first, second] = [
    ...(json ? ["--json"] : []),
    ...paths.filter(isStandardOutput).map((path) => `--report ${path}`),
  ];
  if (second !== undefined)
    throw new EdgecError("BAD_OPTION", `${first} and ${second} both write to standard output. Give one of them.`);
  const files = paths.filter((path) => !isStandardOutput(path));
  for (const path of files) await requirePlace(path);
  refuseOverlap(
    files.map((path) => ({ path, what: "report" })),
    [...read, ...written.map(takenBy)],
    { force },
  );
  for (const path of files) {
    if (force || isSpecial(path) || isReplaceable({ path, what: "report" })) continue;
    throw reportRefusal(
      path,
      "a file has that name that is no report of edgec",
      "Choose another with --report, or give --force to replace it.",
      undefined,
      "OUTPUT_EXISTS",
    );
  }
}

async function requirePlace(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  if (path === "" || (await isFolder(path)))
    throw reportRefusal(path, path === "" ? "that names no file" : "it is a folder", "Give a file name with --report.");
  if (isUrl(path) && !(await isFolder(folder)))
    throw reportRefusal(path, "that is an address, and edgec writes local files", "Give a file name with --report.");
  if (!(await isFolder(folder))) throw reportRefusal(path, `the folder ${folder} does not exist`, "Create it first.");
  if (isSpecial(path)) return;
  await access(folder, constants.W_OK).catch((cause: unknown) =>
    Promise.reject(
      reportRefusal(path, `the folder ${folder} cannot be written to`, "Choose another with --report.", cause),
    ),
  );
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Names that the system lends to what a process has open, which may be a regular file. */
const OPEN_FILES = /^\/(dev\/(fd\/|std)|proc\/.*\/fd\/)/;

/** What is no regular file, such as a pipe, and what a process has open, such as its own output. */
function isSpecial(path: string): boolean {
  return OPEN_FILES.test(resolve(path)) || whyNoPlaceForFile(path) !== undefined;
}

/** Writes the report to each of the places; a failure at one is thrown when the others are done. */
export async function writeReports(paths: readonly string[], report: Report): Promise<void> {
  const failures: unknown[] = [];
  for (const path of paths) {
    if (isStandardOutput(path)) process.stdout.write(await textOf("", report));
    else await writeReport(path, await textOf(path, report)).catch((cause: unknown) => failures.push(cause));
  }
  if (failures.length > 0) throw failures[0];
}

/** Markdown for a name ending in .md, JSON otherwise. */
async function textOf(path: string, report: Report): Promise<string> {
  const isMarkdown = [".md", ".markdown"].includes(extname(path).toLowerCase());
  return isMarkdown
    ? (await import("../report/markdown.js")).reportMarkdown(report)
    : (await import("../report/json.js")).reportJson(report);
}

/** The file takes its name when it is whole; what is special is written to as it is. */
async function writeReport(path: string, text: string): Promise<void> {
  const special = isSpecial(path);
  const place = placeOf(path);
  const aside = special ? path : temporaryBeside(place, "report");
  try {
    if (special) await append(path, text);
    else {
      await writeFile(aside, text);
      await rename(aside, place);
    }
  } catch (cause) {
    if (!special) await rm(aside, { force: true });
    throw reportRefusal(
      path,
      (cause as Error).message.replaceAll(aside, path),
      "The model was written all the same.",
      cause,
    );
  }
}

/** Opening a pipe that nobody reads from would wait for ever; once somebody does, writing may wait for the reader. */
async function append(path: string, text: string): Promise<void> {
  const probe = (await stat(path)).isFIFO() ? await openPipe(path) : undefined;
  try {
    await writeFile(path, text, { flag: "a" });
  } finally {
    await probe?.close();
  }
}

async function openPipe(path: string): Promise<FileHandle> {
  return open(path, constants.O_WRONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code !== "ENXIO") throw cause;
    throw new Error("it is a pipe that nothing reads from. Start the program that reads it first", { cause });
  });
}
