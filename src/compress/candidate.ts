/**
 * One way to compress the model: runs its plan, writes the result to a temporary file, reads it back and
 * measures it.
 */
import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { takeTurn } from "../abort.js";
import type { Diagnostic, Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { allTensors, copyModel, type Model, storedByteLength } from "../ir/index.js";
import { readModel, writeModel } from "../onnx/index.js";
import { assertSound } from "../ops/check-operators.js";
import type { Statistics } from "../numeric/statistics.js";
import { type Decisions } from "../plan/replay.js";
import { blamed } from "../compare/blame.js";
import { measureAgainst, type Measurements } from "../compare/compare-files.js";
import { stateZeroPoints } from "./level-repair.js";
import { type Expectation, expectationOf } from "./output-sanity.js";
import { releaseMemory } from "../release-memory.js";
import { inStage } from "../stage-clock.js";
import { bytesText } from "../units.js";
import { factsOf, LEVELS } from "../verify/index.js";
import { planText } from "../plan/plan.js";
import { writeOptions } from "../output/weights-place.js";
import { decisionsOf } from "../run/run-log.js";
import type { Plan } from "../plan/plan-types.js";
import { applyPlan, type JudgedRun, ours } from "./apply-plan.js";
import type { CandidateContext } from "./candidate-context.js";

export { applyPlan } from "./apply-plan.js";
export type { CandidateContext } from "./candidate-context.js";

/** A result that was replaced by the input's own bytes. */
interface Unchanged {
  /** The size of the discarded result, in bytes. */
  readonly wouldBe: number;
}

export interface Candidate {
  /** Only if more is done with it: otherwise it is in the file alone, and takes no memory while the file runs. */
  readonly model?: Model;
  /** The file of the model as the exact passes left it, before the first lossy one; see `keepsExact`. */
  readonly exact?: string;
  /** What its outputs must be like. */
  readonly expectation: Expectation;
  /** The temporary file that holds the model until it is chosen. */
  readonly path: string;
  readonly plan: Plan;
  readonly run: JudgedRun;
  readonly measurements: Measurements;
  readonly warnings: readonly Diagnostic[];
  /** Whether it was chosen instead of the planned candidate. */
  readonly isFallback: boolean;
  /** Whether layers in float keep plain float weights, so that an accuracy budget holds. */
  readonly isPlainFloat?: boolean;
  /** Present if the file is the unchanged input, because the result would be larger. */
  readonly unchanged?: Unchanged;
}

/** Warnings about the decisions that led to it. */
export function decidedIn({ run, isFallback, isPlainFloat = false }: Candidate): Decisions {
  return decisionsOf(run, { storedOnly: isFallback, plainFloat: isPlainFloat });
}

/**
 * @param recorded statistics of an earlier attempt, which are not measured again; new ones are added
 * Throws EdgecError PASS_FAILED if the result is not valid, or if the runtime rejects it but runs the original.
 */
export async function buildCandidate(
  context: CandidateContext,
  name: string,
  plan: Plan,
  recorded: Map<string, Statistics>,
): Promise<Candidate> {
  const path = await context.files.path(name);
  const { run, warnings, expectation, model, exact } = await made(context, path, plan, recorded);
  releaseMemory();
  const asMade = await measured(context, path);
  const { measurements, told, path: chosen } = await atAllLevels(context, model, path, asMade);
  const ofPasses = run.diagnostics.filter(({ severity }) => severity === "warning");
  return {
    ...(model ? { model } : {}),
    ...(exact === undefined ? {} : { exact }),
    expectation,
    path: chosen,
    plan,
    run,
    measurements,
    warnings: [...ofPasses, ...warnings, ...told, ...measurements.warnings],
    isFallback: false,
  };
}

type Made = Pick<Candidate, "model" | "exact" | "expectation" | "run" | "warnings">;

/** Makes the candidate's file. What it takes is free again afterwards. */
async function made(
  context: CandidateContext,
  path: string,
  plan: Plan,
  recorded: Map<string, Statistics>,
): Promise<Made> {
  const warnings: Diagnostic[] = [];
  const logger: Logger = {
    ...bound(context.logger),
    diagnostic: (diagnostic) => void warnings.push(diagnostic),
  };
  const model = context.read();
  if (context.files.scratch) model.scratch = context.files.scratch;
  context.logger.diagnostic?.({ id: "compress/plan", severity: "info", message: `plan: ${planText(plan)}` });
  let exact: string | undefined;
  const keepExact = async (before: Model): Promise<void> => {
    const aside = await besides(path, "exact");
    await inStage("write", () => writeModel(before, aside, { durable: false }));
    exact = aside;
  };
  const run = await applyPlan(
    { ...context, logger },
    model,
    plan,
    recorded,
    context.options.verify !== false && keepsExact(plan, model) ? keepExact : undefined,
  ).catch((error: unknown) => refusedHalfWay(error, context));
  context.logger.progress?.({ step: "write", done: 0 });
  await takeTurn();
  await inStage("write", () => writeAside(model, path, context));
  context.logger.progress?.({ step: "read it back", done: 0 });
  await takeTurn();
  await inStage("check", () => ours(() => readBack(path, context), "wrote a model that is not valid"));
  const expectation = expectationOf(model, plan);
  return {
    ...(isStillNeeded(context, model) ? { model } : {}),
    ...(exact === undefined ? {} : { exact }),
    expectation,
    run,
    warnings,
  };
}

/** The path of another file of the candidate, in a folder of its own. */
async function besides(path: string, what: string): Promise<string> {
  const folder = `${dirname(path)}-${what}`;
  await mkdir(folder, { recursive: true });
  return join(folder, basename(path));
}

/** Bytes of weights up to which writing a model takes less than running its exact passes again would. */
const SMALL_BYTES = 2 ** 24;

/**
 * Whether the model is written before its first lossy pass, in case so much is lost that an exact pass may be at fault.
 * Not where the steps before it depend on measurements.
 */
function keepsExact(plan: Plan, model: Model): boolean {
  const first = plan.findIndex(({ passes }) => passes.some(({ lossy }) => lossy));
  const isPlain = plan
    .slice(0, first + 1)
    .every(
      ({ search, withinGates, validateAfter }) =>
        search === undefined && withinGates === undefined && validateAfter === undefined,
    );
  if (first < 0 || !isPlain) return false;
  let bytes = 0;
  for (const tensor of allTensors(model)) bytes += storedByteLength(tensor);
  return bytes <= SMALL_BYTES;
}

/**
 * Whether the model itself, and not only its file, is used later: it is the result if there is no output, is packed,
 * or holds weights that its file does not.
 */
function isStillNeeded({ files, options, externalData }: CandidateContext, model: Model): boolean {
  return files.output === undefined || options.packedSizes === true || externalData(model) === true;
}

/** The comparison is told what it needs to know, and reads the file no more. */
function readBack(path: string, { undescribed }: CandidateContext): void {
  const model = readModel(path);
  assertSound(model, "the compressed model, read back", undescribed);
  factsOf(path, model);
}

interface Measured {
  readonly measurements: Measurements;
  /** Warnings of the measurement itself. */
  readonly told: readonly Diagnostic[];
}

async function measured(context: CandidateContext, path: string): Promise<Measured> {
  const told: Diagnostic[] = [];
  const logger: Logger = { ...bound(context.logger), diagnostic: (diagnostic) => void told.push(diagnostic) };
  return { measurements: await measureAgainst({ ...context, logger }, path), told };
}

/**
 * Prefers a model that runs at all optimization levels to one that the runtime's optimizer breaks, as long as
 * it is no larger than the original; if it would be larger, a warning says so. If nothing is gained, the file
 * stays.
 */
async function atAllLevels(
  context: CandidateContext,
  model: Model | undefined,
  path: string,
  asMade: Measured,
): Promise<Measured & { readonly path: string }> {
  const { fidelity, size } = asMade.measurements;
  if (!fidelity?.levels || fidelity.levels.compressed === LEVELS[0]) return { ...asMade, path };
  const repaired = model ? copyModel(model) : readModel(path);
  if (stateZeroPoints(repaired) === 0) return { ...asMade, path };
  const aside = await besides(path, "repaired");
  writeAside(repaired, aside, context);
  const again = await measured(context, aside).catch((error: unknown) => {
    if (error instanceof EdgecError) return undefined;
    throw error;
  });
  const { measurements } = again ?? {};
  const { levels } = measurements?.fidelity ?? {};
  const isBetter = measurements?.fidelity && (levels === undefined || levels.compressed === LEVELS[0]);
  if (again && isBetter && measurements.size.compressed.raw <= size.original.raw) {
    if (model) Object.assign(model, repaired);
    return { ...again, path: aside };
  }
  const found = isBetter ? [zeroPointsLeftOut(measurements.size.compressed.raw, size.original.raw)] : [];
  return { ...asMade, path, told: [...asMade.told, ...found] };
}

function zeroPointsLeftOut(after: number, before: number): Diagnostic {
  return {
    id: "compress/zero-points-left-out",
    severity: "warning",
    message:
      "onnxruntime would run this model at all graph optimization levels if the zero points " +
      "of QuantizeLinear and DequantizeLinear were written out instead of left to their " +
      "default of 0. They were not written, because the file would be larger than the " +
      `original (${bytesText(after)} against ${bytesText(before)}). If size does not ` +
      "matter, let the tool that quantized the model write them.",
  };
}

/**
 * If the runtime rejects a model while statistics are measured, but runs the original on the same data, edgec
 * is at fault.
 */
async function refusedHalfWay(error: unknown, context: CandidateContext): Promise<never> {
  const isRefusal = error instanceof EdgecError && error.code === "MODEL_REJECTED";
  throw isRefusal ? await blamed(error, context) : error;
}

/** A failure names the path that the user chose, not the temporary file. */
function writeAside(model: Model, path: string, { files, externalData }: CandidateContext): void {
  try {
    writeModel(model, path, writeOptions(externalData(model)));
  } catch (error) {
    if (!(error instanceof EdgecError) || files.output === undefined) throw error;
    throw new EdgecError(error.code, error.message.replaceAll(path, files.output), { cause: error });
  }
}

function bound(logger: Logger): Logger {
  return { progress: (progress) => logger.progress?.(progress), debug: (message) => logger.debug?.(message) };
}
