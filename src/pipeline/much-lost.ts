/** Says that a compressed model has lost much, whether a gate was set or not. */
import type { Diagnostic } from "../diagnostics.js";
import { decibelText, percentText, plural } from "../report/units.js";
import { type Accuracy, type Fidelity, LEAST_AGREEMENT, lossesOf, type Loss } from "../verify/index.js";

/** The id of the warning. */
export const MUCH_LOST = "compare/much-lost";

const MOST_NAMED = 3;

/** What was measured, on which data, and why that may be. */
export interface Judged {
  readonly fidelity: Fidelity | null;
  readonly accuracy?: Accuracy | null;
  readonly isMadeUp: boolean;
  /** "The calibration data is the likely cause: …"; the empty text where nothing is known. */
  readonly advice?: string;
}

export function muchLost({ fidelity, accuracy = null, isMadeUp, advice = "" }: Judged): Diagnostic[] {
  const losses = fidelity ? lossesOf(fidelity, isMadeUp) : [];
  if (!fidelity || losses.length === 0) return [];
  const named = losses.slice(0, MOST_NAMED).map(lossText).join("; ");
  const others = losses.length > MOST_NAMED ? `; and ${plural(losses.length - MOST_NAMED, "more output")}` : "";
  const scored = accuracy ? ` ${accuracy.metric} goes from ${accuracy.original.toFixed(2)} to ${accuracy.compressed.toFixed(2)}.` : "";
  const message = `Much was lost on ${plural(fidelity.samples, "sample")} of ${fidelity.source}: ${named}${others}.${scored} Do not use the model before you know why.${advice === "" ? "" : ` ${advice}`}`;
  return [{ id: MUCH_LOST, severity: "warning", message, subject: losses[0]!.output }];
}

function lossText({ output, agreement, sqnrDb, otherSize }: Loss): string {
  if (otherSize !== undefined) return `output "${output}" has another number of results in ${plural(otherSize, "sample")}`;
  if (agreement === null) return `output "${output}" is at ${decibelText(sqnrDb)}`;
  return `output "${output}" gives the same answer in ${percentText(agreement)}, below ${percentText(LEAST_AGREEMENT)}`;
}
