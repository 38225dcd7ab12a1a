/** Warnings that stand at the head of a report, because everything below it is to be read in their light. */
import type { Diagnostic } from "../diagnostics.js";
import type { Report } from "./report.js";

const HEAD = /^(?:compare\/much-lost|calibration\/.*|runtime\/native-missing)$/;

export function headWarnings({ warnings }: Pick<Report, "warnings">): Diagnostic[] {
  return warnings.filter(({ id }) => HEAD.test(id));
}

/** Those that are told further below. */
export function otherWarnings({ warnings }: Pick<Report, "warnings">): Diagnostic[] {
  return warnings.filter(({ id }) => !HEAD.test(id));
}

/** Whether the outputs are far from the original's, whatever the gates say. */
export function isMuchLost({ warnings }: Pick<Report, "warnings">): boolean {
  return warnings.some(({ id }) => id === "compare/much-lost");
}
