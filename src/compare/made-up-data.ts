/** What a report says of a comparison on inputs that were made up. */
import type { Diagnostic } from "../diagnostics.js";
import { UNPROVEN, type Measurements } from "./compare-files.js";
import type { RunData } from "./run-data.js";

/**
 * What a comparison on inputs that were made up is worth. Told when the comparison is over: one that did
 * not take place, for whatever reason, has its own warning.
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
          "data with --eval or --calib.",
      },
    ];
  if (obstacle === undefined || warnings.some(({ id }) => id === UNPROVEN)) return [];
  return [
    { id: "compress/no-data", severity: "warning", message: `The models were not compared: ${obstacle}.` },
  ];
}
