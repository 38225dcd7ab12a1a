/** Prints the report on stdout: as JSON, as text, or not at all. */
import { fstatSync } from "node:fs";
import chalk from "chalk";
import { reportJson } from "../report/formats/json.js";
import type { Report } from "../report/report.js";
import { reportText } from "../report/terminal.js";
import { printable } from "../units.js";

interface PrintOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly explain?: boolean;
  /** Warnings that were already printed on standard error. */
  readonly shown?: ReadonlySet<string>;
}

export function printReport(report: Report, { json, quiet, explain, shown = new Set() }: PrintOptions): void {
  if (json === true) process.stdout.write(reportJson(report));
  else if (quiet !== true)
    process.stdout.write(reportText(withoutShown(report, shown), chalk, { explain: explain === true }));
  // A failed gate is an error, which is printed even with --quiet.
  if (!report.verdict.ok && quiet === true)
    for (const gate of report.verdict.gates)
      if (!gate.ok) process.stderr.write(`failed: ${printable(gate.message)}\n`);
}

/** When stdout and stderr go to the same place, leaves out warnings that were already printed. */
function withoutShown(report: Report, shown: ReadonlySet<string>): Report {
  if (shown.size === 0 || !isOnePlace()) return report;
  return { ...report, warnings: report.warnings.filter(({ message }) => !shown.has(message)) };
}

/** Whether stdout and stderr go to the same terminal, file or pipe. */
function isOnePlace(): boolean {
  if (process.stdout.isTTY && process.stderr.isTTY) return true;
  try {
    const [out, err] = [fstatSync(process.stdout.fd), fstatSync(process.stderr.fd)];
    return out.dev === err.dev && out.ino === err.ino && out.ino !== 0;
  } catch {
    return false;
  }
}
