/** What a person must know about a comparison beside its figures. */
import type { Logger } from "../diagnostics.js";
import type { Fidelity } from "./compare-outputs.js";
import { isLower, type ComparedLevels } from "./levels.js";

/** Warns of outputs that were not compared, and of models that do not run at the highest optimization level. */
export function tellOfOutputs({ indirect = [], levels }: Fidelity, logger: Logger): void {
  for (const { output, type, standIns } of indirect) {
    if (standIns.length > 0) continue;
    logger.diagnostic?.({
      id: "verify/output-not-compared",
      severity: "warning",
      subject: output,
      message: `Output "${output}" was not compared: it is ${type}, which onnxruntime's JavaScript API cannot return, ` +
        "and no tensor stands for it in both models.",
    });
  }
  if (levels) logger.diagnostic?.({ id: "verify/lower-level", severity: "warning", message: levelText(levels) });
}

function levelText({ original, compressed, refusals }: ComparedLevels): string {
  const both = original === compressed;
  const named = (level: string): string => `graph optimization level "${level}"`;
  if (both)
    return (
      `onnxruntime runs both models at ${named(original)} and not above, so they were compared and timed there. ` +
      `Above, it says of the original: ${refusals.original ?? ""}`
    );
  if (isLower(compressed, original)) {
    return (
      `onnxruntime runs the compressed model at ${named(compressed)} and not above, the original at "${original}". ` +
      `Above, it says: ${refusals.compressed ?? ""}`
    );
  }
  return (
    `onnxruntime runs the original at ${named(original)} and not above, so that is what the compressed model, which ` +
    `runs at "${compressed}", was compared with. Above, it says: ${refusals.original ?? ""}`
  );
}
