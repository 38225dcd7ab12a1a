/**
 * Every format of report files, the default first. The single place to add one: `--report`, its help, what
 * counts as a report that may be replaced, and the documentation derive from this array.
 */
import { readFileSync, statSync } from "node:fs";
import { extname } from "node:path";
import { jsonReport } from "./formats/json.js";
import { markdownReport } from "./formats/markdown.js";
import type { ReportFormat } from "./report-format.js";

export const REPORT_FORMATS: readonly ReportFormat[] = [jsonReport, markdownReport];

/** Larger files are not reports. Bytes. */
const MAX_REPORT_BYTES = 2 ** 28;

/** The format for a file's extension; the default for any other name. */
export function reportFormatOf(path: string): ReportFormat {
  const ending = extname(path).toLowerCase();
  return REPORT_FORMATS.find(({ endings }) => endings.includes(ending)) ?? REPORT_FORMATS[0]!;
}

/** "JSON, or Markdown for a name ending in .md or .markdown" */
export function reportFormatsText(formats = REPORT_FORMATS): string {
  const [usual, ...others] = formats;
  const byEnding = others.map(({ name, endings }) => `${name} for a name ending in ${endings.join(" or ")}`);
  return [usual!.name, ...byEnding].join(", or ");
}

/** Whether the file at `path` is a report in any of the formats. */
export function isReport(path: string): boolean {
  try {
    if (statSync(path).size > MAX_REPORT_BYTES) return false;
    const text = readFileSync(path, "utf8");
    return REPORT_FORMATS.some((format) => format.recognizes(text));
  } catch {
    return false;
  }
}
