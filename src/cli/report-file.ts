/** Writes reports to any number of files, or to standard output. */
import { constants } from "node:fs";
import { access, open, rename, rm, stat, writeFile, type FileHandle } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { EdgecError } from "../errors.js";
import { temporaryBeside } from "../onnx/index.js";
import { placeOf, type FileRead } from "../output/file-identity.js";
import { isVacant, refuseOverlap, reportRefusal, takenBy, type FileWritten } from "../output/overwriting.js";
import { isUrl, whyNoPlaceForFile } from "../regular-file.js";
import { isReport, reportFormatOf } from "../report/report-formats.js";
import type { Report } from "../report/report.js";
import { isStandardOutput } from "./standard-output.js";

interface ReportSurroundings {
  /** Other files that the run writes, and files that it reads. */
  readonly written: readonly FileWritten[];
  readonly read: readonly FileRead[];
  /** Whether files that edgec did not write may be replaced. */
  readonly force: boolean;
  /** Whether `--json` uses standard output. */
  readonly json: boolean;
}

/**
 * Checks the paths of reports before any work is done. Throws EdgecError CANNOT_WRITE when the folder of a
 * report does not exist or is read-only, when the path is empty or a folder, or when the report would replace
 * a file that the run reads or writes; OUTPUT_EXISTS for a file that edgec did not write; BAD_OPTION when two
 * of them go to standard output.
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
    throw new EdgecError(
      "BAD_OPTION",
      `${first} and ${second} both write to standard output. Give one of them.`,
    );
  const files = paths.filter((path) => !isStandardOutput(path));
  for (const path of files) await requirePlace(path);
  refuseOverlap(
    files.map((path) => ({ path, what: "report" })),
    [...read, ...written.map(takenBy)],
    { force },
  );
  for (const path of files) {
    if (force || isSpecial(path) || isVacant(path) || isReport(path)) continue;
    throw reportRefusal(
      path,
      "the file exists and is not an edgec report",
      "Choose another with --report, or give --force to replace it.",
      undefined,
      "OUTPUT_EXISTS",
    );
  }
}

async function requirePlace(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  if (path === "" || (await isFolder(path)))
    throw reportRefusal(
      path,
      path === "" ? "the name is empty" : "it is a folder",
      "Give a file name with --report.",
    );
  if (isUrl(path) && !(await isFolder(folder)))
    throw reportRefusal(
      path,
      "it is a URL, and edgec writes local files only",
      "Give a file name with --report.",
    );
  if (!(await isFolder(folder)))
    throw reportRefusal(path, `the folder ${folder} does not exist`, "Create it first.");
  if (isSpecial(path)) return;
  await access(folder, constants.W_OK).catch((cause: unknown) =>
    Promise.reject(
      reportRefusal(path, `the folder ${folder} is not writable`, "Choose another with --report.", cause),
    ),
  );
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Paths under which the system lists a process's open files, which may be regular files. */
const OPEN_FILES = /^\/(dev\/(fd\/|std)|proc\/.*\/fd\/)/;

/**
 * Whether the path is not a regular file (such as a pipe) or is an open file of a process (such as its own
 * output).
 */
function isSpecial(path: string): boolean {
  return OPEN_FILES.test(resolve(path)) || whyNoPlaceForFile(path) !== undefined;
}

/** Writes the report to each path. If one fails, writes the others first and then throws. */
export async function writeReports(paths: readonly string[], report: Report): Promise<void> {
  const failures: unknown[] = [];
  for (const path of paths) {
    if (isStandardOutput(path)) process.stdout.write(reportFormatOf("").text(report));
    else
      await writeReport(path, reportFormatOf(path).text(report)).catch((cause: unknown) =>
        failures.push(cause),
      );
  }
  if (failures.length > 0) throw failures[0];
}

/** Writes a regular file under a temporary name and renames it. Writes to special files directly. */
async function writeReport(path: string, text: string): Promise<void> {
  const special = isSpecial(path);
  const place = placeOf(path);
  const temporary = special ? path : temporaryBeside(place, "report");
  try {
    if (special) await append(path, text);
    else {
      await writeFile(temporary, text);
      await rename(temporary, place);
    }
  } catch (cause) {
    if (!special) await rm(temporary, { force: true });
    throw reportRefusal(
      path,
      (cause as Error).message.replaceAll(temporary, path),
      "The model itself was written.",
      cause,
    );
  }
}

/**
 * Appends to a special file. Opens a pipe without blocking, since opening one without a reader would wait
 * forever. Once there is a reader, writing may wait for it.
 */
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
    throw new Error("nothing reads from this pipe. Start the program that reads it first", { cause });
  });
}
