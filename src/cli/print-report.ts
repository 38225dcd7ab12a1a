/** The report on stdout: JSON alone, the table, or nothing. */
import chalk from "chalk";
import { reportJson } from "../report/json.js";
import type { Report } from "../report/report.js";
import { reportText } from "../report/terminal.js";
import { printable } from "../units.js";

export function printReport(report: Report, { json, quiet, explain }: { readonly json?: boolean; readonly quiet?: boolean; readonly explain?: boolean }): void {
  if (json === true) process.stdout.write(reportJson(report));
  else if (quiet !== true) process.stdout.write(reportText(report, chalk, { explain: explain === true }));
  // A failed gate is an error, which even --quiet tells.
  if (!report.verdict.ok && quiet === true) for (const gate of report.verdict.gates) if (!gate.ok) process.stderr.write(`failed: ${printable(gate.message)}\n`);
}
