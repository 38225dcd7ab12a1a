/**
 * Replaces an output that is larger than the input by the input's own bytes; the report says so.
 */
import { copyFile } from "node:fs/promises";
import type { Diagnostic } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import { dataFiles, readModel, writeModel } from "../onnx/index.js";
import { fitRuntime, oldestRuntime } from "../ops/runtime-versions.js";
import { bytesText } from "../units.js";
import { checkGates, sizesOf, type Latency } from "../verify/index.js";
import type { Candidate, CandidateContext } from "./candidate.js";
import { markModel } from "../output/edgec-mark.js";
import { gateLimits } from "../plan/gate-limits.js";
import { namesAlone } from "../plan/pass-names.js";
import { PASSES } from "../plan/registry.js";
import { measureAgainst, type Measurements } from "../compare/compare-files.js";
import { writeOptions } from "../output/weights-place.js";
import type { PlanOptions } from "../plan/plan-request.js";

/** Warnings about the model that is given up. */
const MOOT: ReadonlySet<string> = new Set([
  "compress/shortcoming",
  "compress/fell-back",
  "compress/plain-float",
  "verify/unquiet-machine",
]);

/**
 * Returns the candidate, or the unchanged input if that is smaller. A candidate may be larger if the request
 * takes more bytes: plain storage, a named pass that expands weights, or the caller's own passes.
 * @param original reads the input again
 * @param build makes another candidate by a plan
 */
export async function neverLarger(
  context: CandidateContext,
  plan: PlanOptions,
  candidate: Candidate,
  original: () => Model,
  build: (name: string, plan: PlanOptions) => Promise<Candidate>,
): Promise<Candidate> {
  const { original: before, compressed: after } = candidate.measurements.size;
  if (after.raw <= before.raw || isAskedFor(plan)) return candidate;
  const asked = namedPasses(plan).filter(mayGrowFile);
  if (asked.length > 0)
    return asAsked(candidate, asked, await build("asked", { flags: {}, passes: asked.join(",") }));
  const path = await writeUnchanged(context, original);
  const { raw } = await sizesOf(path, false);
  // Written in another file format, the input may be no smaller.
  if (raw >= after.raw) return candidate;
  // Run and compared all the same, but not timed: equal files take equal time.
  const measured = await measureAgainst({ ...context, logger: {}, standIn: path }, path);
  const measurements = gated({ ...measured, latency: sameLatency(candidate.measurements.latency) }, context);
  const { modified, diagnostics, askedForData, statistics, judged } = candidate.run;
  const run = { modified, diagnostics, askedForData, statistics, judged, passes: [], nodes: [] };
  const warnings = [
    ...candidate.warnings.filter(({ id }) => !MOOT.has(id)),
    unchangedWarning(after.raw, before.raw),
    ...measurements.warnings,
  ];
  return {
    ...candidate,
    ...(candidate.model || context.files.output === undefined ? { model: original() } : {}),
    path,
    run,
    measurements,
    warnings,
    unchanged: { wouldBe: after.raw },
  };
}

/** Whether a larger file was requested, by plain storage, the caller's own passes or names of passes alone. */
function isAskedFor(plan: PlanOptions): boolean {
  if (plan.flags.storage === "plain" || !namesAlone(plan.passes ?? [])) return true;
  const names = namedPasses(plan);
  return names.length > 0 && names.every(mayGrowFile);
}

function namedPasses({ passes = [] }: PlanOptions): readonly string[] {
  return namesAlone(passes) ?? [];
}

/**
 * Whether this named pass expands stored weights; naming it requests that and nothing else.
 */
function mayGrowFile(given: string): boolean {
  return PASSES.some((pass) => pass.name === given && pass.growsFile);
}

/** Growth from the named passes is accepted; growth from others is not. */
function asAsked(candidate: Candidate, names: readonly string[], asked: Candidate): Candidate {
  const { raw: after } = candidate.measurements.size.compressed;
  const { raw: without } = asked.measurements.size.compressed;
  if (after <= without) return candidate;
  const message =
    `Only ${names.join(" and ")} ran, because the other passes would make the result ` +
    `larger (${bytesText(after)} against ${bytesText(without)}).`;
  return {
    ...asked,
    warnings: [...asked.warnings, { id: "compress/others-left-out", severity: "warning", message }],
  };
}

/**
 * Copies the input byte for byte if it is a single file; otherwise writes its tensors in the form requested
 * for the output.
 */
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
  return (
    latency && { ...latency, compressed: latency.original, speedup: 1, speedupRange: [1, 1], p50Ratio: 1 }
  );
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

function unchangedWarning(after: number, before: number): Diagnostic {
  const figures = `${bytesText(after)} against ${bytesText(before)}`;
  return {
    id: "compress/unchanged",
    severity: "warning",
    message: `The output is the unchanged input, because the result would be larger (${figures}).`,
  };
}
