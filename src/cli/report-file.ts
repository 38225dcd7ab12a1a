/** Writing a report file. */
import { constants } from "node:fs";
import { access, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { EdgecError } from "../errors.js";
import { temporaryBeside } from "../onnx/index.js";
import type { Report } from "../report/report.js";

/**
 * Throws EdgecError CANNOT_WRITE before any work is done when the report's folder does not exist or is read-only, when
 * the name is none or a folder's, or when the report would take the place of one of `models`, read or written.
 */
export async function requireReportPlace(path: string, models: readonly string[]): Promise<void> {
  const folder = dirname(resolve(path));
  if (path === "" || await isFolder(path)) throw refusal(path, path === "" ? "that names no file" : "it is a folder", "Give a file name with --report.");
  if (!(await isFolder(folder))) throw refusal(path, `the folder ${folder} does not exist`, "Create it first.");
  await access(folder, constants.W_OK).catch((cause: unknown) => Promise.reject(refusal(path, `the folder ${folder} cannot be written to`, "Choose another with --report.", cause)));
  const place = await placeOf(path);
  for (const model of models) {
    if (await placeOf(model) === place) throw refusal(path, `the model ${model} has that name`, "Choose another with --report.");
  }
}

function refusal(path: string, reason: string, advice: string, cause?: unknown): EdgecError {
  return new EdgecError("CANNOT_WRITE", `cannot write the report "${path}": ${reason}. ${advice}`, { cause });
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isDirectory(), () => false);
}

/** The file that a path leads to, whether it exists yet or not. */
async function placeOf(path: string): Promise<string> {
  return realpath(path).catch(async () => join(await realpath(dirname(resolve(path))).catch(() => dirname(resolve(path))), basename(path)));
}

/** Markdown for a name ending in .md, JSON otherwise. It takes its name when it is whole; what is no plain file, such as a pipe, is written to as it is. */
export async function writeReport(path: string, report: Report): Promise<void> {
  const isMarkdown = [".md", ".markdown"].includes(extname(path).toLowerCase());
  const text = isMarkdown ? (await import("../report/markdown.js")).reportMarkdown(report) : (await import("../report/json.js")).reportJson(report);
  const isSpecial = await stat(path).then((found) => !found.isFile(), () => false);
  const place = await placeOf(path);
  const aside = isSpecial ? path : temporaryBeside(place, "report");
  try {
    await writeFile(aside, text);
    if (!isSpecial) await rename(aside, place);
  } catch (cause) {
    if (!isSpecial) await rm(aside, { force: true });
    throw refusal(path, (cause as Error).message.replaceAll(aside, path), "The model was written all the same.", cause);
  }
}
