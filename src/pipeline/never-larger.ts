/** An output larger than the input is not what was wanted: the input's own bytes take its place, and the report says so. */
import { copyFile } from "node:fs/promises";
import type { Diagnostic } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import { dataFiles, readModel, writeModel } from "../onnx/index.js";
import { fitRuntime, oldestRuntime } from "../ops/runtime-versions.js";
import { bytesText } from "../report/units.js";
import { checkGates, sizesOf, type Latency } from "../verify/index.js";
import type { Candidate, CandidateContext } from "./candidate.js";
import { markModel } from "./edgec-mark.js";
import { gateLimits } from "./gate-limits.js";
import { measureAgainst, type Measurements } from "./measure.js";
import type { PlanOptions } from "./plan.js";
import { writeOptions } from "./weights-place.js";

/** What was made in vain. */
export interface Unchanged {
  /** Bytes that the result would have had. */
  readonly wouldBe: number;
}

/** Passes that write out what is short in the file: who names them asks for that. */
const WRITE_OUT: readonly string[] = ["upgrade-opset", "inline-functions", "unpack-weights"];
/** Warnings about the model that is given up. */
const MOOT: ReadonlySet<string> = new Set([
  "compress/shortcoming",
  "compress/fell-back",
  "compress/plain-float",
  "verify/unquiet-machine",
]);

/**
 * The candidate, or the input as it came where that is smaller. A candidate may be larger where a form was asked for
 * that takes more bytes: plain storage, a pass by name that writes things out, passes of the caller's own making.
 * @param original reads the input anew
 */
export async function neverLarger(
  context: CandidateContext,
  plan: PlanOptions,
  candidate: Candidate,
  original: () => Model,
): Promise<Candidate> {
  const { original: before, compressed: after } = candidate.measurements.size;
  if (after.raw <= before.raw || isAskedFor(plan)) return candidate;
  const path = await writeUnchanged(context, original);
  const { raw } = await sizesOf(path, false);
  // Where the input's bytes come in another file format than it had, they may be no fewer.
  if (raw >= after.raw) return candidate;
  // Run and compared all the same, but not timed: files of the same bytes take the same time, whatever a clock says.
  const measured = await measureAgainst({ ...context, logger: {}, standIn: path }, path);
  const measurements = gated({ ...measured, latency: sameLatency(candidate.measurements.latency) }, context);
  const { modified, diagnostics, askedForData, statistics, judged } = candidate.run;
  const run = { modified, diagnostics, askedForData, statistics, judged, passes: [], nodes: [] };
  const warnings = [
    ...candidate.warnings.filter(({ id }) => !MOOT.has(id)),
    told(after.raw, before.raw),
    ...measurements.warnings,
  ];
  return { ...candidate, model: original(), path, run, measurements, warnings, unchanged: { wouldBe: after.raw } };
}

function isAskedFor({ passes, flags }: PlanOptions): boolean {
  if (flags.storage === "plain" || typeof passes === "object") return true;
  return passes?.split(",").some((name) => WRITE_OUT.includes(name.trim())) ?? false;
}

/** The input's very bytes where one file holds them all, else its tensors in the form that the output is to have. */
async function writeUnchanged(
  { files, originalPath, externalData, options: { minOrt } }: CandidateContext,
  original: () => Model,
): Promise<string> {
  const path = await files.path("unchanged");
  const model = original();
  const place = externalData(model);
  if (minOrt === undefined && place !== true && dataFiles(model).length === 0) {
    await copyFile(originalPath, path);
    return path;
  }
  if (minOrt !== undefined) fitRuntime(model, oldestRuntime(minOrt), "the model");
  // Other bytes than the input's: a later run must know that edgec wrote them.
  markModel(model);
  writeModel(model, path, writeOptions(place));
  readModel(path);
  return path;
}

function sameLatency(latency: Latency | null): Latency | null {
  return latency && { ...latency, compressed: latency.original, speedup: 1, speedupRange: [1, 1], p50Ratio: 1 };
}

function gated(measured: Measurements, { options, data }: CandidateContext): Measurements {
  const { size, fidelity, accuracy, latency, executed } = measured;
  const known = {
    size,
    fidelity: fidelity ?? { samples: 0, source: data.source, outputs: {} },
    accuracy,
    latency,
    executed,
  };
  return { ...measured, gates: checkGates(gateLimits(options), known).gates };
}

function told(after: number, before: number): Diagnostic {
  const figures = `${bytesText(after)} against ${bytesText(before)}`;
  return {
    id: "compress/unchanged",
    severity: "warning",
    message: `The output is the input unchanged, because the result would be larger (${figures}).`,
  };
}
