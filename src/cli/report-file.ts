/** Writing a report file. */
import { stat, writeFile } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { EdgecError } from "../errors.js";
import type { Report } from "../report/report.js";

/** Throws EdgecError CANNOT_WRITE before any work is done when the report's folder does not exist. */
export async function requireReportFolder(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  const isFolder = await stat(folder).then((found) => found.isDirectory(), () => false);
  if (!isFolder) throw new EdgecError("CANNOT_WRITE", `cannot write the report ${path}: the folder ${folder} does not exist. Create it first.`);
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
