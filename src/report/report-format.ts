/** The interface of a report format. The formats are registered in report-formats.ts. */
import type { Report } from "./report.js";

export interface ReportFormat {
  /** Its name in help and messages: "Markdown". */
  readonly name: string;
  /** File extensions that select it, in lower case with the dot; the first is the usual one. */
  readonly endings: readonly string[];
  /** Its purpose, in one line. */
  readonly description: string;
  /** The report as text that ends with a newline. */
  text(report: Report): string;
  /**
   * Whether a text is a report in this format, which a later run may replace. Returns false for anything else,
   * without an error.
   */
  recognizes(text: string): boolean;
}
