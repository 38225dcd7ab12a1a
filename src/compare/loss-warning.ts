/** Warns when a compressed model has lost much quality, with or without gates. */
import type { Diagnostic } from "../diagnostics.js";
import { MIN_AGREEMENT, lossesOf, type Loss } from "../fidelity/index.js";
import { decibelText, percentText, plural } from "../units.js";
import type { Accuracy, Fidelity } from "../verify/index.js";

/** Id of the warning. */
const MUCH_LOST = "compare/much-lost";

const MAX_NAMED = 3;

/** What was measured, on which data, and the likely cause. */
export interface Judged {
  readonly fidelity: Fidelity | null;
  readonly accuracy?: Accuracy | null;
  readonly isMadeUp: boolean;
  /** Likely cause, such as "The calibration data is the likely cause: …"; empty if unknown. */
  readonly advice?: string;
}

export function muchLost({ fidelity, accuracy = null, isMadeUp, advice = "" }: Judged): Diagnostic[] {
  const losses = fidelity ? lossesOf(fidelity, isMadeUp) : [];
  if (!fidelity || losses.length === 0) return [];
  const named = losses.slice(0, MAX_NAMED).map(lossText).join("; ");
  const others = losses.length > MAX_NAMED ? `; and ${plural(losses.length - MAX_NAMED, "more output")}` : "";
  const scored = accuracy
    ? ` ${accuracy.metric} goes from ${accuracy.original.toFixed(2)} to ${accuracy.compressed.toFixed(2)}.`
    : "";
  const message =
    `The outputs changed a lot on ${plural(fidelity.samples, "sample")} of ${fidelity.source}: ` +
    `${named}${others}.${scored} Find out why before you use ` +
    `the model.${advice === "" ? "" : ` ${advice}`}`;
  return [{ id: MUCH_LOST, severity: "warning", message, subject: losses[0]!.output }];
}

function lossText({ output, agreement, sqnrDb, otherSize }: Loss): string {
  if (otherSize !== undefined)
    return `output "${output}" has a different number of results in ${plural(otherSize, "sample")}`;
  if (agreement === null) return `output "${output}" is at ${decibelText(sqnrDb)}`;
  return (
    `output "${output}" gives the same answer in ${percentText(agreement)}, below ` +
    percentText(MIN_AGREEMENT)
  );
}
