/** Warnings at the top of a report, because they qualify everything below them. */
import type { Diagnostic } from "../diagnostics.js";
import type { Report } from "./report.js";

const HEAD = /^(?:compare\/much-lost|calibration\/.*|runtime\/native-missing)$/;

export function headWarnings({ warnings }: Pick<Report, "warnings">): Diagnostic[] {
  return warnings.filter(({ id }) => HEAD.test(id));
}

/** Warnings that are shown lower down. */
export function otherWarnings({ warnings }: Pick<Report, "warnings">): Diagnostic[] {
  return warnings.filter(({ id }) => !HEAD.test(id));
}

/** Whether the outputs differ greatly from the original's, regardless of gates. */
export function isMuchLost({ warnings }: Pick<Report, "warnings">): boolean {
  return warnings.some(({ id }) => id === "compare/much-lost");
}
