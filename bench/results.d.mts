export function recordTable(
  heading: string,
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): void;
export function takeLines(bench: string): string[];
export function writeResults(
  path: string,
  linesOf: ReadonlyMap<string, readonly string[]>,
  machine: string,
): void;
