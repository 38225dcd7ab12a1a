/** The report for a person at a terminal. */
import { clipped } from "../errors.js";
import { PLAIN, type Paint } from "./paint.js";
import type { Report } from "./report.js";
import { headWarnings, isMuchLost, otherWarnings } from "./head-warnings.js";
import { ACROSS_COLUMNS, acrossRows } from "./across-rows.js";
import { comparisonRows } from "./comparison-rows.js";
import { fidelityLines, provenanceLines } from "./measurement-lines.js";
import { statsText, statusCounts, tellingPasses } from "./pass-summaries.js";
import { nearMissLines } from "./near-miss-lines.js";
import { timesLines } from "./times-line.js";
import { textTable } from "./text-table.js";
import { printable, shortened } from "../units.js";

/** A table before → after, the status of nodes, warnings and gates. Ends with a newline. */
export function reportText(
  report: Report,
  paint: Paint = PLAIN,
  { explain = false }: { readonly explain?: boolean } = {},
): string {
  const sections = [
    headLines(report, paint),
    table(report, paint),
    [
      ...(report.fidelity ? fidelityLines(report.fidelity).map((line) => `output ${line}`) : []),
      ...provenanceLines(report).map((line) => paint.dim(printable(line))),
    ],
    acrossLines(report, paint),
    [...passLines(report, paint), ...timesLines(report.times).map((line) => paint.dim(line))],
    explain ? nodeTable(report, paint) : nodeLines(report, paint),
    explain ? nearMissLines(report, paint) : [],
    otherWarnings(report).map(({ message }) => `${paint.yellow("warning:")} ${printable(message)}`),
    report.verdict.gates.map(
      ({ ok, message }) => `${ok ? paint.green("passed:") : paint.red("failed:")} ${printable(message)}`,
    ),
    writtenLines(report, paint),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function headLines(report: Report, paint: Paint): string[] {
  return headWarnings(report).map(({ id, message }) =>
    id === "compare/much-lost"
      ? paint.bold(paint.red(printable(message)))
      : `${paint.yellow("warning:")} ${printable(message)}`,
  );
}

/** A comparison writes no model. */
function writtenLines(report: Report, paint: Paint): string[] {
  const { written, unchanged, verdict } = report;
  if (written.length === 0) return [];
  const what = unchanged ? "written, unchanged" : "written";
  const state = !verdict.ok
    ? paint.red(`${what}, but a gate failed:`)
    : isMuchLost(report)
      ? paint.red(`${what}, but the outputs changed a lot:`)
      : paint.green(`${what}:`);
  return [`${state} ${written.map(printable).join(" and ")}`];
}

function table(report: Report, paint: Paint): string[] {
  const rows = comparisonRows(report).map(({ name, before, after, change, better }) => [
    name,
    before,
    after,
    better === undefined ? change : better ? paint.green(change) : paint.red(change),
  ]);
  return textTable([["", "before", "after", ""].map((cell) => paint.bold(cell)), ...rows], [0, 3]);
}

function acrossLines({ across }: Report, paint: Paint): string[] {
  if (!across) return [];
  return textTable([ACROSS_COLUMNS.map((cell) => paint.bold(cell)), ...acrossRows(across)], [0, 1, 2, 3, 4]);
}

function passLines(report: Report, paint: Paint): string[] {
  const rows = tellingPasses(report).map(({ name, modified, stats, ms }) => [
    name,
    `${Math.round(ms)} ms`,
    modified ? statsText(stats) : paint.dim("changed nothing"),
  ]);
  return rows.length === 0
    ? []
    : textTable([["pass", "time", ""].map((cell) => paint.bold(cell)), ...rows], [0, 2]);
}

/** Every decision on a node, one per line. */
function nodeTable({ nodes }: Report, paint: Paint): string[] {
  const rows = nodes.map(({ pass, name, opType, status, reason }) => [
    pass,
    shortened(printable(name)),
    ...[opType, status, clipped(reason)].map(printable),
  ]);
  return rows.length === 0
    ? []
    : textTable(
        [["pass", "node", "operator", "", "why"].map((cell) => paint.bold(cell)), ...rows],
        [0, 1, 2, 3, 4],
      );
}

function nodeLines(report: Report, paint: Paint): string[] {
  return statusCounts(report).map(({ pass, status, reason, count, examples }) => {
    const names = count > examples.length ? `${examples.join(", ")}, …` : examples.join(", ");
    return `${pass}: ${count} ${status}: ${reason} ${paint.dim(`(${names})`)}`;
  });
}
