/** Warnings about a comparison on random inputs. */
import type { Diagnostic } from "../diagnostics.js";
import { UNPROVEN, type Measurements } from "./compare-files.js";
import type { RunData } from "./run-data.js";
import { option } from "../option-names.js";

/**
 * Warns how little a comparison on random inputs says. Called after the comparison: if it did not take
 * place, another warning already says why.
 */
export function madeUpWarnings(
  { isMadeUp, source, obstacle }: RunData,
  { fidelity, warnings }: Pick<Measurements, "fidelity" | "warnings">,
): Diagnostic[] {
  if (!isMadeUp) return [];
  if (fidelity)
    return [
      {
        id: "compress/random-feeds",
        severity: "warning",
        message:
          `The models were compared on ${source}, which says little about real inputs. Give ` +
          `data with ${option("eval")} or ${option("calib")}.`,
      },
    ];
  if (obstacle === undefined || warnings.some(({ id }) => id === UNPROVEN)) return [];
  return [
    { id: "compress/no-data", severity: "warning", message: `The models were not compared: ${obstacle}.` },
  ];
}
