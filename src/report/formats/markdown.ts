/** The report as Markdown, for a pull request or a log. */
import type { Report } from "../report.js";
import { headWarnings, otherWarnings } from "../head-warnings.js";
import { ACROSS_COLUMNS, acrossRows } from "../across-rows.js";
import { comparisonRows } from "../comparison-rows.js";
import { fidelityLines, provenanceLines } from "../measurement-lines.js";
import { optionsText, statsText, statusCounts, tellingPasses } from "../pass-summaries.js";
import { timesLines } from "../times-line.js";
import type { ReportFormat } from "../report-format.js";

/** An invisible last line, by which a later run recognizes the file as a report that it may replace. */
const MARK = "<!-- report of edgec -->";

export const markdownReport: ReportFormat = {
  name: "Markdown",
  endings: [".md", ".markdown"],
  description: "tables for a pull request or a log",
  text: reportMarkdown,
  recognizes: (text) => text.trimEnd().endsWith(MARK),
};

export function reportMarkdown(report: Report): string {
  const sections = [
    [
      `# ${report.verdict.ok ? "" : "Gate failed: "}${cell(report.output ?? report.input ?? "compressed model")}`,
    ],
    headWarnings(report).map(({ message }) => `> **Warning:** ${cell(message)}`),
    markdownTable(
      ["", "before", "after", "change"],
      comparisonRows(report).map(({ name, before, after, change }) => [name, before, after, change]),
    ),
    [
      ...(report.fidelity ? fidelityLines(report.fidelity).map((line) => `- output ${line}`) : []),
      ...[...provenanceLines(report), ...timesLines(report.times)].map((line) => `- ${line}`),
    ],
    report.across
      ? [
          "## Across runtimes and optimization levels",
          "",
          ...markdownTable(ACROSS_COLUMNS, acrossRows(report.across)),
        ]
      : [],
    list(
      "## Warnings",
      otherWarnings(report).map(({ message }) => message),
    ),
    list(
      "## Gates",
      report.verdict.gates.map(({ ok, message }) => `${ok ? "passed" : "**failed**"}: ${message}`),
    ),
    [
      "## Passes",
      "",
      ...markdownTable(
        ["pass", "options", "result", "ms"],
        tellingPasses(report).map(({ name, options, modified, stats, ms }) => [
          name,
          optionsText(options),
          modified ? statsText(stats) || "changed" : "nothing to do",
          String(ms),
        ]),
      ),
    ],
    nodeSection(report),
    [MARK],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function nodeSection(report: Report): string[] {
  const rows = statusCounts(report).map(({ pass, status, reason, count, examples }) => [
    pass,
    status,
    String(count),
    reason,
    examples.join(", "),
  ]);
  return rows.length === 0
    ? []
    : ["## Nodes", "", ...markdownTable(["pass", "status", "nodes", "reason", "such as"], rows)];
}

function list(title: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [title, "", ...items.map((item) => `- ${item}`)];
}

function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [line(header), `|${header.map(() => "---").join("|")}|`, ...rows.map(line)];
}

/** Names come from an untrusted file, so nothing in them may end a cell or start markup. */
function cell(text: string): string {
  return text.replaceAll(/[\r\n]+/g, " ").replaceAll(/[\\|<>`*_[\]]/g, "\\$&");
}
