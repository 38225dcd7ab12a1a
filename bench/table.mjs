import { recordTable } from "./results.mjs";

/** A plain text table: a heading, column names, rows of strings. */
export function printTable(heading, columns, rows) {
  recordTable(heading, columns, rows);
  const widths = columns.map((column, k) =>
    Math.max(column.length, ...rows.map((row) => String(row[k]).length)),
  );
  const line = (cells) =>
    cells
      .map((cell, k) => String(cell).padEnd(widths[k]))
      .join("  ")
      .trimEnd();
  console.log(`${heading}\n${line(columns)}\n${line(widths.map((width) => "-".repeat(width)))}`);
  for (const row of rows) console.log(line(row));
  console.log("");
}

export const times = (ratio) => (ratio === undefined || ratio === null ? "-" : `${ratio.toFixed(2)}x`);
export const decibels = (value) =>
  value === null ? "equal" : value === undefined ? "-" : `${value.toFixed(1)} dB`;
