/** The main job: read, plan, run, write aside, load it in the runtime and compare, and only then give it its name. */
import { basename, dirname, join } from "node:path";
import type { Diagnostic, Logger } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import { decodeModel, encodeModelBytes, readModel, writeModel } from "../onnx/index.js";
import { fitRuntime, oldestRuntime } from "../ops/runtime-versions.js";
import { assertSound, undescribedOperators } from "../ops/check-operators.js";
import { SCHEMA_VERSION, type Report } from "../report/report.js";
import { externalFiles, sizesOf, type FileSizes } from "../verify/index.js";
import { VERSION } from "../version.js";
import { type Candidate, type CandidateContext, decidedIn } from "./candidate.js";
import type { CompressOptions } from "./compress-options.js";
import { chooseCandidate } from "./fall-back.js";
import { type Decisions, requireSameModel } from "./decisions.js";
import { fingerprintOf } from "./fingerprint.js";
import { OutputFile } from "./output-file.js";
import { planOptions } from "./plan-options.js";
import { pruningEffect } from "./pruning-effect.js";
import { referenceOf } from "./reference.js";
import { openRunData } from "./run-data.js";
import { SearchState } from "./search/search-state.js";
import type { SearchResult } from "./search/search-tools.js";
import { buildSafely } from "./safe-candidate.js";
import { learningThreads } from "./threads.js";
import { memoryWarnings, slowdownWarnings, withTarget } from "./target-options.js";

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
 * UNMATCHED_SELECTOR, CANNOT_WRITE and PASS_FAILED as their names say; the output is then as it was, or where a search for
 * nodes to leave in float had begun, the best model that it had found.
 */
export async function compress(input: string | Uint8Array | Model, given: CompressOptions = {}): Promise<CompressResult> {
  const inputPath = typeof input === "string" ? input : undefined;
  const { options: forTarget, target } = withTarget(given);
  // Packing takes a third of the time of a conversion that nothing checks.
  const options = { packedSizes: forTarget.verify !== false, ...forTarget };
  const settings = planOptions(options);
  const files = await OutputFile.prepare({ output: options.output, input: inputPath, force: options.force ?? false });
  try {
    const warnings: Diagnostic[] = [];
    const logger = collecting(options.logger, warnings);
    const read = source(input);
    const original = read();
    assertSound(original, inputPath ?? "the model");
    const fingerprint = fingerprintOf(original);
    requireSameModel(settings.replay, options.replay, fingerprint);
    // On a copy of the head alone: this is about refusing early.
    if (options.minOrt !== undefined) fitRuntime({ ...original }, oldestRuntime(options.minOrt), inputPath ?? "the model");
    const originalPath = inputPath ?? await writeAside(original, files);
    const originalData = dataFiles(original);
    if (options.externalData !== false) await files.requireDataPlace(originalData);
    // A model that came with its weights outside keeps them there, the new ones too.
    const externalData = options.externalData ?? (originalData.length > 0 ? true : undefined);
    const reference = await referenceOf(read, originalPath, files);
    warnings.push(...reference.warnings);
    let sizes: Promise<FileSizes> | undefined;
    const originalSizes = (): Promise<FileSizes> => (sizes ??= sizesOf(originalPath, options.packedSizes));
    const context: CandidateContext = {
      options, files, logger, externalData, originalPath, originalSizes,
      read: reference.read, referencePath: reference.path, name: inputPath ?? "the model",
      undescribed: undescribedOperators(original),
      ...searchPlaces(options, inputPath, files, externalData), data: await openRunData(original, options, logger), learningThreads: learningThreads(given.threads),
    };
    const candidate = await chooseCandidate(settings, (name, plan) => buildSafely(context, name, plan), logger);
    warnings.push(
      ...candidate.warnings, ...idleCalibration(options, candidate), ...memoryWarnings(target, candidate.measurements.size),
      ...slowdownWarnings(target, options), ...await pruningEffect(context, candidate),
    );
    warnings.push(...unusedData(await files.unusedData(candidate.path, originalData), options.output));
    const report = { ...makeReport(candidate, { ...settings.replay ?? decidedIn(candidate), judged: candidate.run.judged, model: fingerprint }, inputPath, options.output, warnings), target, emulation: null };
    await files.commit(candidate.path);
    context.searchMemory?.remove();
    const model = finished(candidate.model, files);
    return { model, path: options.output, report, bytes: () => encodeModelBytes(model) };
  } finally {
    await files.remove();
  }
}

/**
 * Where a search keeps what it finds: the best model so far under the output's name, what it has measured beside it. Not
 * where the input would be overwritten, which is still needed.
 */
function searchPlaces(options: CompressOptions, input: string | undefined, files: OutputFile, externalData: boolean | undefined): Pick<CandidateContext, "bestSoFar" | "searchMemory"> {
  const { output, int8, flags, calib } = options;
  const quantizes = int8 === true || flags?.int8 !== undefined;
  if (output === undefined || input === undefined || !quantizes || options.force === true) return { searchMemory: undefined };
  const [calibName, evalName] = [calib, options.eval].map((data) => (typeof data === "string" ? data : data?.name));
  // What changes no measurement, or is no data, is not part of the key.
  const settings = { ...options, calib: calibName, eval: evalName, timeBudget: undefined, logger: undefined, passes: undefined };
  return {
    searchMemory: new SearchState(`${output}.search.json`, [input, ...[calib, options.eval, options.labels, options.metric].filter((data) => typeof data === "string")], settings),
    bestSoFar: async (model) => {
      const path = await files.path("best");
      if (options.minOrt !== undefined) fitRuntime(model, oldestRuntime(options.minOrt), "the best model so far");
      writeModel(model, path, externalData === undefined ? {} : { externalData });
      await files.commit(path);
    },
  };
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
  return files.scratch?.isUsed === true && files.output !== undefined ? readModel(files.output) : model;
}

/** Paths of the files that external tensors lie in. */
function dataFiles(model: Model): string[] {
  const folder = model.path === undefined ? "." : dirname(model.path);
  return externalFiles(model).map((location) => join(folder, location));
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
    diagnostic: (diagnostic) => (diagnostic.severity === "warning" ? void warnings.push(diagnostic) : logger?.diagnostic?.(diagnostic)),
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

function makeReport({ run, measurements }: Candidate, decisions: Decisions, input: string | undefined, output: string | undefined, warnings: readonly Diagnostic[]): Omit<Report, "target" | "emulation"> {
  const { size, fidelity, accuracy, latency, executed, gates } = measurements;
  return {
    schemaVersion: SCHEMA_VERSION, edgec: VERSION, input: input ?? null, output: output ?? null,
    decisions, search: reportedSearch(run.search), passes: run.passes, nodes: run.nodes, size, fidelity, accuracy, latency, executed,
    warnings: distinct(warnings),
    verdict: { ok: gates.every((gate) => gate.ok), gates },
  };
}

function reportedSearch(search: SearchResult | undefined): Report["search"] {
  if (!search) return null;
  const { reasons, forms, dynamic = null, paying = null, choice = null, predicted = null } = search;
  return { floatNodes: forms.floatNodes.map((name) => ({ name, reason: reasons.get(name) ?? "" })), dynamic, speed: paying, accuracy: choice, prediction: predicted };
}

function distinct(warnings: readonly Diagnostic[]): Diagnostic[] {
  return [...new Map(warnings.map((warning) => [`${warning.id}\n${warning.message}`, warning])).values()];
}
