/**
 * Keeps what the benches print, a CSV for each version: bench/results/<version>.csv. One value a line, so
 * that two versions can be compared with any tool. A bench that runs again replaces its own lines.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const HEADER = "bench,table,row,column,value";
const tables = [];

/** Called by `printTable` for every table. */
export function recordTable(heading, columns, rows) {
  tables.push({ heading, columns, rows });
}

/** The tables since the last call, as lines of CSV. The cells in front of the first figure name the row. */
export function takeLines(bench) {
  return tables.splice(0).flatMap(({ heading, columns, rows }) =>
    rows.flatMap((row) => {
      const first = Math.max(
        1,
        row.findIndex((cell) => /^[-+]?\d/.test(String(cell))),
      );
      const name = row.slice(0, first).join(" ");
      return columns
        .slice(first)
        .map((column, k) => [bench, heading, name, column, row[first + k]].map(quoted).join());
    }),
  );
}

/** @param machine what the figures were measured on, in words */
export function writeResults(path, linesOf, machine) {
  const before = existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n").slice(1) : [];
  const kept = before.filter((line) => !linesOf.has(line.split(",", 1)[0]));
  const fresh = [...linesOf].flatMap(([bench, lines]) => [
    [bench, "machine", "", "", machine].map(quoted).join(),
    ...lines,
  ]);
  mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  writeFileSync(path, `${[HEADER, ...kept, ...fresh].join("\n")}\n`);
}

function quoted(cell) {
  const text = String(cell ?? "");
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
