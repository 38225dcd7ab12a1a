/** Warnings about a comparison, beside its figures. */
import type { Logger } from "../diagnostics.js";
import type { Fidelity } from "./compare-outputs.js";
import { isLower, type ComparedLevels } from "./levels.js";

/**
 * Warns about outputs that were not compared, and models that do not run at the highest optimization level.
 */
export function warnOfOutputs({ indirect = [], levels }: Fidelity, logger: Logger): void {
  for (const { output, type, standIns } of indirect) {
    if (standIns.length > 0) continue;
    logger.diagnostic?.({
      id: "verify/output-not-compared",
      severity: "warning",
      subject: output,
      message:
        `Output "${output}" was not compared: it is ${type}, which onnxruntime's JavaScript API cannot return, ` +
        "and no tensor can replace it in both models.",
    });
  }
  if (levels)
    logger.diagnostic?.({ id: "verify/lower-level", severity: "warning", message: levelText(levels) });
}

function levelText({ original, compressed, refusals }: ComparedLevels): string {
  const both = original === compressed;
  const named = (level: string): string => `graph optimization level "${level}"`;
  if (both)
    return (
      `onnxruntime runs both models only up to ${named(original)}, so they were compared and timed there. ` +
      `Above that, it reports for the original: ${refusals.original ?? ""}`
    );
  if (isLower(compressed, original)) {
    return (
      `onnxruntime runs the compressed model only up to ${named(compressed)}, the original at "${original}". ` +
      `Above that, it reports: ${refusals.compressed ?? ""}`
    );
  }
  return (
    `onnxruntime runs the original only up to ${named(original)}. ` +
    "The compressed model, which " +
    `runs at "${compressed}", was compared with that. Above that, it reports: ${refusals.original ?? ""}`
  );
}
