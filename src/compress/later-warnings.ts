/** Warnings added once a candidate is chosen. */
import { basename } from "node:path";
import { madeUpWarnings } from "../compare/made-up-data.js";
import type { RunData } from "../compare/run-data.js";
import type { Diagnostic } from "../diagnostics.js";
import type { CompressOptions } from "../plan/compress-options.js";
import { memoryWarnings, type ReportedTarget, slowdownWarnings } from "../plan/target-options.js";
import { plural } from "../units.js";
import type { Candidate, CandidateContext } from "./candidate.js";
import { sizeEffects } from "./size-effect.js";
import { option } from "../option-names.js";

export async function laterWarnings(
  context: CandidateContext,
  candidate: Candidate,
  target: ReportedTarget,
): Promise<Diagnostic[]> {
  const { options, data } = context;
  return [
    ...madeUpWarnings(data, candidate.measurements),
    ...candidate.warnings,
    ...idleCalibration(options, candidate, data),
    ...memoryWarnings(target, candidate.measurements.size),
    ...slowdownWarnings(target, options),
    ...(await sizeEffects(context, candidate)),
  ];
}

/** Files are the user's: another model may use one, so none is deleted. */
export function unusedData(paths: readonly string[], output = ""): Diagnostic[] {
  return paths.map((path) => ({
    id: "compress/unused-data",
    severity: "warning",
    subject: path,
    message:
      `${basename(path)} stays next to ${basename(output)}, which contains its own weights ` +
      "and does not use it. Delete it unless another model needs it.",
  }));
}

function idleCalibration(
  { calib, eval: evaluation }: CompressOptions,
  { run, isFallback, measurements: { fidelity } }: Candidate,
  { isMadeUp }: RunData,
): Diagnostic[] {
  if (calib === undefined || run.askedForData || isFallback) return [];
  const isHeldOut = fidelity !== null && evaluation === undefined && !isMadeUp;
  const heldOut = isHeldOut
    ? ` The models were compared on ${plural(fidelity.samples, "sample")} of it, which every run holds ` +
      `out for the comparison. To compare on all of it, give it with ${option("eval")} instead of ${option("calib")}.`
    : "";
  return [
    {
      id: "compress/idle-calibration",
      severity: "warning",
      message: `Calibration data was given, but none of the passes that ran learns from data.${heldOut}`,
    },
  ];
}
