/** The report as JSON text. */
import type { ReportFormat } from "../report-format.js";
import type { Report } from "../report.js";

export const jsonReport: ReportFormat = {
  name: "JSON",
  endings: [".json"],
  description: "every figure and decision, for programs and to repeat a run",
  text: reportJson,
  recognizes: isReportJson,
};

/** Two-space JSON with a final newline. Values that JSON cannot represent (infinities, NaN) become null. */
export function reportJson(report: Report): string {
  return jsonText(report);
}

/**
 * The same for any value. Characters that `printable` replaces are written as \\u escapes, so that they cannot
 * control a terminal.
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, null, 2);
  return `${text.replaceAll(/[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)}\n`;
}

function isReportJson(text: string): boolean {
  if (!text.trimStart().startsWith("{")) return false;
  try {
    const { schemaVersion, edgec, verdict } = JSON.parse(text) as Record<string, unknown>;
    return (
      typeof schemaVersion === "number" &&
      typeof edgec === "string" &&
      typeof verdict === "object" &&
      verdict !== null
    );
  } catch {
    return false;
  }
}
