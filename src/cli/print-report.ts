/** The report on stdout: JSON alone, the table, or nothing. */
import { fstatSync } from "node:fs";
import chalk from "chalk";
import { reportJson } from "../report/json.js";
import type { Report } from "../report/report.js";
import { reportText } from "../report/terminal.js";
import { printable } from "../report/units.js";

export interface PrintOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly explain?: boolean;
  /** Messages of warnings that standard error has shown. */
  readonly shown?: ReadonlySet<string>;
}

export function printReport(report: Report, { json, quiet, explain, shown = new Set() }: PrintOptions): void {
  if (json === true) process.stdout.write(reportJson(report));
  else if (quiet !== true) process.stdout.write(reportText(withoutShown(report, shown), chalk, { explain: explain === true }));
  // A failed gate is an error, which even --quiet tells.
  if (!report.verdict.ok && quiet === true) for (const gate of report.verdict.gates) if (!gate.ok) process.stderr.write(`failed: ${printable(gate.message)}\n`);
}

/** Where both streams end in one place, each warning stands there once. */
function withoutShown(report: Report, shown: ReadonlySet<string>): Report {
  if (shown.size === 0 || !isOnePlace()) return report;
  return { ...report, warnings: report.warnings.filter(({ message }) => !shown.has(message)) };
}

/** A terminal, or one file or pipe. */
function isOnePlace(): boolean {
  if (process.stdout.isTTY && process.stderr.isTTY) return true;
  try {
    const [out, err] = [fstatSync(process.stdout.fd), fstatSync(process.stderr.fd)];
    return out.dev === err.dev && out.ino === err.ino && out.ino !== 0;
  } catch {
    return false;
  }
}
