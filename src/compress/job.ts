/** The job of a run of `compress`, once its input is read and its options are checked. */
import { runtimeNotice } from "../compare/runtime-notice.js";
import { referenceOf } from "../compare/runnable-original.js";
import { openRunData } from "../compare/run-data.js";
import { clippedDiagnostic, type Diagnostic, type Logger } from "../diagnostics.js";
import { type Model, withoutFile } from "../ir/index.js";
import { dataFiles, writeModel } from "../onnx/index.js";
import { assertSound, undescribedOperators } from "../ops/check-operators.js";
import { fitRuntime, oldestRuntime } from "../ops/runtime-versions.js";
import { modelFiles, optionFiles } from "../output/files-read.js";
import { OutputFile } from "../output/output-file.js";
import { weightsPlace, willSplit } from "../output/weights-place.js";
import type { CompressOptions } from "../plan/compress-options.js";
import { fingerprintOf } from "../plan/fingerprint.js";
import { planOptions } from "../plan/plan-options.js";
import type { PlanOptions } from "../plan/plan-request.js";
import { requireSameModel } from "../plan/replay.js";
import { type PlacedOptions, type ReportedTarget, withTarget } from "../plan/target-options.js";
import { computeThreads, learningThreads } from "../plan/threads.js";
import { requireRegularFile } from "../regular-file.js";
import { RunCompute } from "../run/run-compute.js";
import { type NativeRuntime, RuntimeSearch } from "../runtime/index.js";
import { factsOf, type FileSizes, sizesOf } from "../verify/index.js";
import type { CandidateContext } from "./candidate.js";
import { reportEarly } from "./data-warnings.js";
import { quantizes, searchFiles } from "./search-files.js";
import { ModelCopies, source } from "./source.js";

export interface Job {
  readonly inputPath: string | undefined;
  /** Reads the unchanged input again at every call. */
  readonly read: () => Model;
  /** The model that passes start from. */
  readonly copies: ModelCopies;
  readonly fingerprint: string;
  /** The data files that the input came with. */
  readonly originalData: readonly string[];
  readonly settings: PlanOptions;
  readonly target: ReportedTarget;
  /** Undefined if nothing is run. */
  readonly runtime: NativeRuntime | undefined;
  readonly context: CandidateContext;
}

/** The resources that a run acquires and releases at its end. */
export interface JobResources {
  readonly prepared: Prepared;
  readonly files: OutputFile;
  readonly compute: RunCompute;
  readonly runtimeSearch: RuntimeSearch;
}

interface Prepared {
  readonly options: PlacedOptions;
  readonly settings: PlanOptions;
  readonly target: ReportedTarget;
}

/** Throws as `withTarget` and `planOptions`. */
function prepare(given: PlacedOptions): Prepared {
  const { options, target } = withTarget(given);
  return { options, settings: planOptions(options), target };
}

/** Checks the options and the place of the output, before the input is read. Throws EdgecError as `compress`. */
export async function acquire(
  input: string | Uint8Array | Model,
  given: CompressOptions,
): Promise<JobResources> {
  const path = pathOf(input);
  if (path !== undefined) requireRegularFile(path);
  const prepared = prepare(given);
  const { output, force = false } = prepared.options;
  const files = await OutputFile.prepare({ output, input: path, force });
  const compute = new RunCompute(computeThreads(given.threads));
  return { prepared, files, compute, runtimeSearch: new RuntimeSearch() };
}

/**
 * Reads the input and opens the data. Throws EdgecError as `compress`.
 * @param warnings receives warnings, in order
 */
export async function openJob(
  input: string | Uint8Array | Model,
  given: CompressOptions,
  { prepared, files, compute, runtimeSearch }: JobResources,
  warnings: Diagnostic[],
): Promise<Job> {
  // Looked up while the model is read.
  const looking = given.verify === false ? undefined : look(runtimeSearch, given);
  const logger = collecting(given.logger, warnings);
  logger.progress?.({ step: "read the model", done: 0 });
  const inputPath = pathOf(input);
  const name = inputPath ?? "the model";
  const read = source(input);
  const original = read();
  assertSound(original, name);
  const fingerprint = fingerprintOf(original);
  const runtime = await looking;
  const { options, settings, target } =
    runtime?.isThere === false ? prepare({ ...given, lacksNativeRuntime: true }) : prepared;
  if (runtime) reportEarly(runtimeNotice(runtime, costTable(settings, target)), warnings, given.logger);
  requireSameModel(settings.replay, options.replay, fingerprint);
  // On a shallow copy, only to reject the model early.
  if (options.minOrt !== undefined) fitRuntime({ ...original }, oldestRuntime(options.minOrt), name);
  const originalPath = inputPath ?? (await writeAside(original, files));
  if (inputPath !== undefined) factsOf(inputPath, original);
  // Passes change the original, and its declarations hold on to its bytes.
  const declared = {
    ...original,
    graph: { ...original.graph, inputs: original.graph.inputs.map(withoutFile) },
  };
  const originalData = dataFiles(original);
  const filesOfModel = original.path === undefined ? [] : modelFiles(original.path, originalData);
  const written = { data: willSplit(original, options.externalData), searches: quantizes(options) };
  files.requireSafe([...filesOfModel, ...optionFiles(given)], written);
  const externalData = (model: Model): boolean | undefined =>
    weightsPlace(model, options.externalData, originalData.length > 0);
  const reference = await referenceOf(read, originalPath, files, original);
  const copies = new ModelCopies(reference.read, reference.model);
  warnings.push(...reference.warnings);
  const context: CandidateContext = {
    options,
    files,
    logger,
    externalData,
    originalPath,
    originalSizes: once(() => sizesOf(originalPath, options.packedSizes)),
    read: () => copies.take(),
    referencePath: reference.path,
    name,
    undescribed: undescribedOperators(original),
    ...searchFiles(options, inputPath, files, externalData),
    data: await openRunData(declared, options),
    learningThreads: learningThreads(given.threads),
    compute,
    runtimeSearch,
  };
  return { inputPath, read, copies, fingerprint, originalData, settings, target, runtime, context };
}

/**
 * The process that is started stays open for the comparison, unless others need the memory until then: those
 * that run calibration data.
 */
function look(search: RuntimeSearch, { calib }: CompressOptions): Promise<NativeRuntime> {
  const looking = search.look(calib === undefined);
  // It is awaited only after the model was read, which may fail.
  looking.catch(() => undefined);
  return looking;
}

function pathOf(input: string | Uint8Array | Model): string | undefined {
  return typeof input === "string" ? input : undefined;
}

/** What decides about int8 if times here do not apply. */
function costTable({ device, flags }: PlanOptions, { name }: ReportedTarget): string | undefined {
  return device && flags.int8 !== undefined ? `the table of costs of the target ${name}` : undefined;
}

function once(measure: () => Promise<FileSizes>): () => Promise<FileSizes> {
  let sizes: Promise<FileSizes> | undefined;
  return () => (sizes ??= measure());
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
    diagnostic: (diagnostic) =>
      diagnostic.severity === "warning"
        ? void warnings.push(diagnostic)
        : logger?.diagnostic?.(clippedDiagnostic(diagnostic)),
  };
}
