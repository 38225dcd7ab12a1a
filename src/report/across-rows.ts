/**
 * One model in several runtimes and at several optimization levels, as cells that the terminal and Markdown
 * reports lay out in their own way.
 */
import type { Across, Combination } from "../verify/index.js";
import { decibelText, percentText, printable, significant } from "../units.js";

export const ACROSS_COLUMNS: readonly string[] = [
  "runtime",
  "level",
  "SQNR",
  "largest error",
  "decisions that differ",
];

/** Rounding errors are far too small for the fixed notation of {@link significant}. */
const SMALL = 1e-3;

export function acrossRows({ combinations }: Across): string[][] {
  return combinations.map((combination) => [
    `${combination.runtime} ${combination.version ?? ""}`.trim(),
    combination.level,
    ...resultCells(combination),
  ]);
}

function resultCells({ status, message, sqnrDb, maxAbsError, flipped }: Combination): string[] {
  if (status === "reference") return ["reference", "", ""];
  if (status === "missing") return ["not installed", "", ""];
  if (status === "refused") return ["refused", "", printable(message ?? "")];
  return [decibelText(sqnrDb), errorText(maxAbsError ?? 0), flipped === null ? "" : percentText(flipped)];
}

function errorText(error: number): string {
  return error === 0 || (error >= SMALL && error < 1e6) ? significant(error) : error.toExponential(1);
}
