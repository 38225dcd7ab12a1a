/** Columns of plain text, aligned by their visible width. */

/** Rows of cells; the first column is left-aligned, the others right-aligned unless `left` names them. */
export function textTable(rows: readonly (readonly string[])[], left: readonly number[] = [0]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, visibleWidth(cell))));
  return rows.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, left.includes(column)))
      .join("   ")
      .trimEnd(),
  );
}

function pad(cell: string, width: number, left: boolean): string {
  const space = " ".repeat(width - visibleWidth(cell));
  return left ? cell + space : space + cell;
}

/** Length without colour codes. */
function visibleWidth(text: string): number {
  return text.replaceAll(/\x1b\[[0-9;]*m/g, "").length;
}
