/** The main job: read, plan, run, write aside, load it in the runtime and compare, and only then give it its name. */
import { basename } from "node:path";
import { abortable, takeTurn } from "../abort.js";
import { clippedDiagnostic, type Diagnostic, type Logger } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import { dataFiles, decodeModel, encodeModelBytes, readModel, writeModel } from "../onnx/index.js";
import { nativeRuntime } from "../runtime/index.js";
import { fitRuntime, oldestRuntime } from "../ops/runtime-versions.js";
import { assertSound, undescribedOperators } from "../ops/check-operators.js";
import { SCHEMA_VERSION, type Report } from "../report/report.js";
import { sizesOf, type FileSizes } from "../verify/index.js";
import { requireRegularFile } from "../regular-file.js";
import { withLimits } from "../run-limits.js";
import { VERSION } from "../version.js";
import { type Candidate, type CandidateContext, decidedIn } from "./candidate.js";
import { checkCalibration } from "./calibration-check.js";
import type { CompressOptions } from "./compress-options.js";
import { chooseCandidate } from "./fall-back.js";
import { type Decisions, requireSameModel } from "./decisions.js";
import { markModel } from "./edgec-mark.js";
import { modelFiles, optionFiles } from "./files-read.js";
import { fingerprintOf } from "./fingerprint.js";
import { neverLarger } from "./never-larger.js";
import { OutputFile } from "./output-file.js";
import type { PlanOptions } from "./plan.js";
import { muchLost } from "./much-lost.js";
import { planOptions } from "./plan-options.js";
import { pruningEffect } from "./pruning-effect.js";
import { referenceOf } from "./reference.js";
import { madeUpWarnings, openRunData } from "./run-data.js";
import { runtimeNotice } from "./runtime-notice.js";
import { SearchState } from "./search/search-state.js";
import type { SearchResult } from "./search/search-tools.js";
import { fidelityOnRandomFeeds } from "./second-opinion.js";
import { buildSafely } from "./safe-candidate.js";
import { RunCompute } from "./run-compute.js";
import { computeThreads, learningThreads } from "./threads.js";
import { memoryWarnings, type PlacedOptions, type ReportedTarget, slowdownWarnings, withTarget } from "./target-options.js";
import { weightsPlace, willSplit, writeOptions } from "./weights-place.js";

export interface CompressResult {
  readonly model: Model;
  /** Where it was written; undefined when no output was asked for. */
  readonly path: string | undefined;
  readonly report: Report;
  /** The file's bytes, encoded when asked for. Tensors in external files are not part of them. */
  bytes(): Uint8Array;
}

/**
 * Compresses a model and checks the result against the original before it takes its name: it was written, read back,
 * loaded, run and compared. A model that the runtime refuses is never written: the pass that broke it is left out, or
 * with `safe: false` named in the error. Without an installed runtime, passes
 * that need no data run all the same, and the report has no fidelity, accuracy and latency. A model of an operator set
 * below 7, which onnxruntime does not run, is raised first, and compared with what it is then.
 *
 * Failed gates do not throw: see `report.verdict`. Throws EdgecError: BAD_MODEL and MODEL_REJECTED for the input, BAD_OPTION, BAD_DATA,
 * UNMATCHED_SELECTOR, CANNOT_WRITE, OUTPUT_EXISTS and PASS_FAILED as their names say; the output is then as it was, or where a search for
 * nodes to leave in float had begun, the best model that it had found.
 */
export function compress(input: string | Uint8Array | Model, given: CompressOptions = {}): Promise<CompressResult> {
  return abortable(given.signal, () => withLimits(given, () => compressModel(input, given)));
}

async function compressModel(input: string | Uint8Array | Model, given: CompressOptions): Promise<CompressResult> {
  const inputPath = typeof input === "string" ? input : undefined;
  if (inputPath !== undefined) requireRegularFile(inputPath);
  const asked = prepared(given);
  const { options: { output, force = false } } = asked;
  const files = await OutputFile.prepare({ output, input: inputPath, force });
  // Looked for while the model is read.
  const looking = given.verify === false ? undefined : nativeRuntime();
  const compute = new RunCompute(computeThreads(given.threads));
  try {
    const warnings: Diagnostic[] = [];
    const logger = collecting(given.logger, warnings);
    logger.progress?.({ step: "read the model", done: 0 });
    const read = source(input);
    const original = read();
    assertSound(original, inputPath ?? "the model");
    const fingerprint = fingerprintOf(original);
    const runtime = await looking;
    const { options, settings, target } = runtime?.isThere === false ? prepared({ ...given, lacksNativeRuntime: true }) : asked;
    if (runtime) tellFirst(runtimeNotice(runtime, settings.device && settings.flags.int8 !== undefined ? `the table of costs of the target ${target.name}` : undefined), warnings, given.logger);
    requireSameModel(settings.replay, options.replay, fingerprint);
    // On a copy of the head alone: this is about refusing early.
    if (options.minOrt !== undefined) fitRuntime({ ...original }, oldestRuntime(options.minOrt), inputPath ?? "the model");
    const originalPath = inputPath ?? await writeAside(original, files);
    const originalData = dataFiles(original);
    const modelsFiles = original.path === undefined ? [] : modelFiles(original.path, originalData);
    const splits = willSplit(original, options.externalData);
    files.requireSafe([...modelsFiles, ...optionFiles(given)], { data: splits, searches: quantizes(options) });
    const cameOutside = originalData.length > 0;
    const externalData = (model: Model): boolean | undefined => weightsPlace(model, options.externalData, cameOutside);
    const reference = await referenceOf(read, originalPath, files);
    warnings.push(...reference.warnings);
    let sizes: Promise<FileSizes> | undefined;
    const originalSizes = (): Promise<FileSizes> => (sizes ??= sizesOf(originalPath, options.packedSizes));
    const data = await openRunData(original, options);
    const context: CandidateContext = {
      options, files, logger, externalData, originalPath, originalSizes,
      read: reference.read, referencePath: reference.path, name: inputPath ?? "the model",
      undescribed: undescribedOperators(original),
      ...searchPlaces(options, inputPath, files, externalData), data, learningThreads: learningThreads(given.threads), compute,
    };
    await takeTurn();
    const blind = await checkData(context, warnings);
    const chosen = await chooseCandidate(settings, (name, plan) => buildSafely(context, name, plan), logger);
    const candidate = await neverLarger(context, settings, chosen, read);
    warnings.unshift(...await lossWarnings(context, candidate, blind));
    warnings.push(
      ...madeUpWarnings(data, candidate.measurements), ...candidate.warnings, ...idleCalibration(options, candidate), ...memoryWarnings(target, candidate.measurements.size),
      ...slowdownWarnings(target, options), ...await pruningEffect(context, candidate),
    );
    logger.progress?.({ step: "finish", done: 0 });
    warnings.push(...unusedData(await files.unusedData(candidate.path, originalData), options.output));
    const decisions = { ...settings.replay ?? decidedIn(candidate), judged: candidate.run.judged, model: fingerprint };
    const written = await files.finalNames(candidate.path);
    const report = { ...makeReport(candidate, decisions, inputPath, options.output, warnings), target, emulation: null, written };
    await files.commit(candidate.path);
    context.searchMemory?.remove();
    const model = finished(candidate.model, files);
    return { model, path: options.output, report, bytes: () => encodeModelBytes(model) };
  } finally {
    await compute.close();
    await files.remove();
  }
}

interface Prepared { readonly options: PlacedOptions; readonly settings: PlanOptions; readonly target: ReportedTarget }

/** Throws as `withTarget` and `planOptions`. */
function prepared(given: PlacedOptions): Prepared {
  const { options: forTarget, target } = withTarget(given);
  // Packing takes a third of the time of a conversion that nothing checks.
  const options = { packedSizes: forTarget.verify !== false, ...forTarget };
  return { options, settings: planOptions(options), target };
}

/** Looks at the calibration data before work begins. Returns whether comparing on samples of it would be blind to what is wrong. */
async function checkData({ options, data, referencePath }: CandidateContext, warnings: Diagnostic[]): Promise<{ readonly found: boolean; readonly isBlind: boolean }> {
  const isGiven = options.eval !== undefined;
  const modelPath = options.verify === false ? undefined : referencePath;
  const found = await checkCalibration({ calibration: data.calibration, evaluation: isGiven ? data.evaluation : undefined, modelPath });
  tellFirst(found, warnings, options.logger);
  return { found: found.length > 0, isBlind: found.length > 0 && !isGiven && !data.isMadeUp };
}

async function lossWarnings(
  { referencePath, read, data, options: { seed } }: CandidateContext, { path, measurements: { fidelity, accuracy, size } }: Candidate, { found, isBlind }: { readonly found: boolean; readonly isBlind: boolean },
): Promise<Diagnostic[]> {
  const advice = found ? "The calibration data is the likely cause: see the warning about it." : "";
  const lost = muchLost({ fidelity, accuracy, isMadeUp: data.isMadeUp, advice });
  if (lost.length > 0 || !isBlind || !fidelity) return lost;
  return muchLost({ fidelity: await fidelityOnRandomFeeds(read(), { original: referencePath, compressed: path, size, seed }), isMadeUp: true, advice });
}

/** What must be known before work begins is told at once, and stands in the report as well. */
function tellFirst(found: readonly Diagnostic[], warnings: Diagnostic[], logger: Logger | undefined): void {
  for (const diagnostic of found) logger?.diagnostic?.(diagnostic);
  warnings.push(...found);
}

/**
 * Where a search keeps what it finds: the best model so far under the output's name, what it has measured beside it. Not
 * where the input would be overwritten, which is still needed.
 */
function searchPlaces(
  options: CompressOptions, input: string | undefined, files: OutputFile, externalData: CandidateContext["externalData"],
): Pick<CandidateContext, "bestSoFar" | "searchMemory"> {
  const { output, calib } = options;
  const isNeeded = output !== undefined && input !== undefined && quantizes(options) && options.force !== true;
  if (!isNeeded) return { searchMemory: undefined };
  const [calibName, evalName] = [calib, options.eval].map((data) => (typeof data === "string" ? data : data?.name));
  // What changes no measurement, or is no data, is not part of the key.
  const settings = { ...options, calib: calibName, eval: evalName, timeBudget: undefined, logger: undefined, signal: undefined, passes: undefined };
  return {
    searchMemory: new SearchState(`${output}.search.json`, [input, ...[calib, options.eval, options.labels, options.metric].filter((data) => typeof data === "string")], settings),
    bestSoFar: async (model) => {
      const path = await files.path("best");
      if (options.minOrt !== undefined) fitRuntime(model, oldestRuntime(options.minOrt), "the best model so far");
      markModel(model);
      writeModel(model, path, writeOptions(externalData(model)));
      await files.commit(path);
    },
  };
}

function quantizes({ int8, flags }: CompressOptions): boolean {
  return int8 === true || flags?.int8 !== undefined;
}

/** Reads the input anew at every call: each candidate changes a model of its own. */
function source(input: string | Uint8Array | Model): () => Model {
  if (typeof input === "string") return () => readModel(input);
  const bytes = input instanceof Uint8Array ? input : encodeModelBytes(input);
  const path = input instanceof Uint8Array ? undefined : input.path;
  return () => decodeModel(bytes, path);
}

/** The model as the caller may keep it: what lay in the scratch file is read from the output instead. */
function finished(model: Model, files: OutputFile): Model {
  delete model.scratch;
  delete model.descent;
  delete model.foldBalance;
  delete model.storedForms;
  return files.scratch?.isUsed === true && files.output !== undefined ? readModel(files.output) : model;
}

async function writeAside(model: Model, files: OutputFile): Promise<string> {
  const path = await files.path("original");
  writeModel(model, path);
  return path;
}

/** Passes progress and plain information on; keeps warnings for the report. */
function collecting(logger: Logger | undefined, warnings: Diagnostic[]): Logger {
  return {
    progress: (progress) => logger?.progress?.(progress),
    debug: (message) => logger?.debug?.(message),
    diagnostic: (diagnostic) => (diagnostic.severity === "warning" ? void warnings.push(diagnostic) : logger?.diagnostic?.(clippedDiagnostic(diagnostic))),
  };
}

/** Files are the user's: another model may use one, so none is deleted. */
function unusedData(paths: readonly string[], output = ""): Diagnostic[] {
  return paths.map((path) => ({
    id: "compress/unused-data", severity: "warning", subject: path,
    message: `${basename(path)} stays beside ${basename(output)}, which holds its weights itself and does not use it. Delete it unless another model does.`,
  }));
}

function idleCalibration({ calib }: CompressOptions, { run, isFallback }: Candidate): Diagnostic[] {
  if (calib === undefined || run.askedForData || isFallback) return [];
  return [{ id: "compress/idle-calibration", severity: "warning", message: "Calibration data was given, but none of the passes that ran learns from data." }];
}

function makeReport(
  { run, measurements, unchanged }: Candidate, decisions: Decisions, input: string | undefined, output: string | undefined,
  warnings: readonly Diagnostic[],
): Omit<Report, "target" | "emulation" | "written"> {
  const { size, fidelity, accuracy, latency, executed, gates } = measurements;
  return {
    schemaVersion: SCHEMA_VERSION, edgec: VERSION, input: input ?? null, output: output ?? null,
    decisions, search: reportedSearch(run.search), passes: run.passes, nodes: run.nodes, ...(unchanged ? { unchanged } : {}), size, fidelity, accuracy, latency, executed,
    warnings: distinct(warnings),
    verdict: { ok: gates.every((gate) => gate.ok), gates },
  };
}

function reportedSearch(search: SearchResult | undefined): Report["search"] {
  if (!search) return null;
  const { reasons, forms, dynamic = null, paying = null, choice = null, predicted = null } = search;
  return { floatNodes: forms.floatNodes.map((name) => ({ name, reason: reasons.get(name) ?? "" })), dynamic, speed: paying, accuracy: choice, prediction: predicted };
}

function distinct(given: readonly Diagnostic[]): Diagnostic[] {
  const warnings = given.map(clippedDiagnostic);
  return [...new Map(warnings.map((warning) => [`${warning.id}\n${warning.message}`, warning])).values()];
}
