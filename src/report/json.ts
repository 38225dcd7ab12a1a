/** The report as JSON text. */
import type { Report } from "./report.js";

/** Two-space JSON with a final newline. Values that JSON has no form for (infinities, NaN) become null. */
export function reportJson(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}
