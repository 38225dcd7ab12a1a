/** What a report format is. The formats themselves are registered in report-formats.ts. */
import type { Report } from "./report.js";

export interface ReportFormat {
  /** As help and messages call it: "Markdown". */
  readonly name: string;
  /** Endings of file names that choose it, in lower case with the dot; the first is the usual one. */
  readonly endings: readonly string[];
  /** What it is for, one line. */
  readonly description: string;
  /** The report as text that ends with a newline. */
  text(report: Report): string;
  /**
   * Whether a text is a report that this format wrote: a later run may then replace the file. False rather
   * than an error for anything else.
   */
  recognizes(text: string): boolean;
}
