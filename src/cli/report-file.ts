/** Writing a report file. */
import { realpath, stat, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { EdgecError } from "../errors.js";
import type { Report } from "../report/report.js";

/**
 * Throws EdgecError CANNOT_WRITE before any work is done when the report's folder does not exist, or when the report
 * would take the place of one of `models`, read or written.
 */
export async function requireReportPlace(path: string, models: readonly string[]): Promise<void> {
  const folder = dirname(resolve(path));
  const isFolder = await stat(folder).then((found) => found.isDirectory(), () => false);
  if (!isFolder) throw new EdgecError("CANNOT_WRITE", `cannot write the report ${path}: the folder ${folder} does not exist. Create it first.`);
  const place = await placeOf(path);
  for (const model of models) {
    if (await placeOf(model) === place) throw new EdgecError("CANNOT_WRITE", `cannot write the report ${path}: the model ${model} has that name. Choose another with --report.`);
  }
}

/** The file that a path leads to, whether it exists yet or not. */
async function placeOf(path: string): Promise<string> {
  return realpath(path).catch(async () => join(await realpath(dirname(resolve(path))).catch(() => dirname(resolve(path))), basename(path)));
}

/** Markdown for a name ending in .md, JSON otherwise. */
export async function writeReport(path: string, report: Report): Promise<void> {
  const isMarkdown = [".md", ".markdown"].includes(extname(path).toLowerCase());
  const text = isMarkdown ? (await import("../report/markdown.js")).reportMarkdown(report) : (await import("../report/json.js")).reportJson(report);
  try {
    await writeFile(path, text);
  } catch (cause) {
    throw new EdgecError("CANNOT_WRITE", `cannot write the report ${path}: ${(cause as Error).message}`, { cause });
  }
}
