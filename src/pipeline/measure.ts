/** Measuring a compressed file against its original, and telling whose fault it is when that fails. */
import { freemem } from "node:os";
import { throwIfAborted } from "../abort.js";
import type { Dataset } from "../data/index.js";
import type { Diagnostic, Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { LimitExceeded } from "../run-limits.js";
import { bytesText } from "../report/units.js";
import { EndedFromOutside, LEVELS, openRemote, type RemoteRuntime, type UsedLevel } from "../runtime/index.js";
import {
  checkGates, compareSizes, loaded, readableFiles, readExecuted, requireLevel, verifyModels,
  type Accuracy, type Executed, type Fidelity, type FileSizes, type Gate, type Latency, type SizeComparison,
} from "../verify/index.js";
import type { CompressOptions } from "./compress-options.js";
import { gateLimits } from "./gate-limits.js";
import { originalFault, toldOfSample, type Original } from "./original-fault.js";
import type { RunData } from "./run-data.js";

export interface Measurements {
  readonly size: SizeComparison;
  readonly fidelity: Fidelity | null;
  readonly accuracy: Accuracy | null;
  readonly latency: Latency | null;
  readonly executed: Executed | null;
  readonly gates: readonly Gate[];
  readonly warnings: readonly Diagnostic[];
}

export interface MeasureContext {
  readonly options: CompressOptions;
  /** Whose size is compared. */
  readonly originalPath: string;
  /** What the runtime runs as the original. */
  readonly referencePath: string;
  /** What messages call it: its path as the user gave it, or "the model". */
  readonly name: string;
  readonly logger: Logger;
  readonly data: RunData;
  /** The sizes of the original, for contexts that measure several models against it: packing it is done once. */
  readonly originalSizes?: () => Promise<FileSizes>;
  /** A file that is run in the compressed model's place; times are then left out. */
  readonly standIn?: string;
  /** A missing runtime is an error rather than a warning, and a refused model is the user's rather than a pass's. */
  readonly standsAlone?: boolean;
}

type RunMeasurements = Omit<Measurements, "size" | "gates">;

/**
 * Loads both models in the runtime, runs and times them. Without an installed runtime, or with `verify: false`, only
 * sizes are measured, and a warning says so. Throws EdgecError PASS_FAILED when the runtime refuses the compressed
 * model but runs the original; MODEL_REJECTED when it refuses the original.
 */
export async function measureAgainst(context: MeasureContext, path: string): Promise<Measurements> {
  context.logger.progress?.({ step: context.options.packedSizes === false ? "measure sizes" : "pack, to measure sizes", done: 0 });
  const size = await compareSizes(context.originalPath, path, context.options.packedSizes, context.originalSizes?.());
  const measured = await runBoth(context, path, size);
  const { fidelity, accuracy, latency, executed } = measured;
  const known = { size, fidelity: fidelity ?? { samples: 0, source: context.data.source, outputs: {} }, accuracy, latency, executed };
  return { ...measured, size, gates: checkGates(gateLimits(context.options), known).gates };
}

async function runBoth(context: MeasureContext, path: string, size: SizeComparison): Promise<RunMeasurements> {
  if (context.options.verify === false) return unproven("The compressed model was not loaded and not compared, as asked.");
  const shortage = context.standsAlone === true ? undefined : memoryShortage(size.original.raw, freemem());
  if (shortage !== undefined) return unproven(`The compressed model was not loaded and not compared: ${shortage}. Compare them on a larger machine with "edgec verify".`);
  context.logger.progress?.({ step: "load both models", done: 0 });
  let runtime: RemoteRuntime;
  try {
    runtime = await openRemote();
  } catch (error) {
    if (!(error instanceof EdgecError) || error.code !== "RUNTIME_MISSING" || context.standsAlone === true) throw error;
    return unproven(`The compressed model was not loaded and not compared: ${error.message}.`);
  }
  try {
    const evaluation = await runnable(context, size.original.raw, runtime);
    // One that was too slow took its process with it.
    if (runtime.pid === undefined) runtime = await openRemote();
    return evaluation ? await compare(context, path, size, runtime, evaluation) : await loadOnly(context, path, runtime);
  } catch (error) {
    throw context.standsAlone === true ? await toldOfSample(error, originalOf(context), context.data.given) : await blamed(error, context, path);
  } finally {
    await runtime.close();
  }
}

/** Models below this are run whatever memory is free: an estimate must not keep a small one from being checked. Bytes. */
const LARGE = 1e9;
/** What both models take in onnxruntime, weights repacked for its kernels, for each byte of the original: 3.05 measured. */
const MEMORY_PER_BYTE = 3.2;

/** Why both models cannot be run side by side; undefined when they can. The runtime would be killed half-way. */
export function memoryShortage(originalBytes: number, freeBytes: number): string | undefined {
  const needed = MEMORY_PER_BYTE * originalBytes;
  if (originalBytes < LARGE || needed <= freeBytes) return undefined;
  return `running it and the original takes about ${bytesText(needed)} of memory, and ${bytesText(freeBytes)} are free`;
}

async function compare(
  context: MeasureContext, path: string, size: SizeComparison, runtime: RemoteRuntime, evaluation: Dataset,
): Promise<RunMeasurements> {
  const { options, referencePath, name, logger, data, standIn, standsAlone = false } = context;
  const { metric, threads, seed } = options;
  const { fidelity, accuracy, latency, executed } = await verifyModels({
    original: referencePath, compressed: path, size, runtime, logger, names: [name, standsAlone ? path : "the compressed model"],
    lowerLevelIsFine: standsAlone, ...(standIn === undefined ? {} : { standIn, runs: 0 }),
    ...(data.isLabelled ? { evalData: evaluation } : { fidelityData: evaluation }),
    ...(metric === undefined ? {} : { metric }), ...(threads === undefined ? {} : { threads }), ...(seed === undefined ? {} : { seed }),
  });
  return { fidelity, accuracy, latency, executed, warnings: [] };
}

/** Without inputs to run on, the model is at least known to load. */
async function loadOnly(context: MeasureContext, path: string, runtime: RemoteRuntime): Promise<RunMeasurements> {
  const { referencePath, name, logger, standsAlone = false } = context;
  const levelOf = (file: string, label: string): Promise<UsedLevel> => loaded(file, async (loadable) => {
    const session = await runtime.open(loadable, { label });
    const used = await session.usedLevel();
    await session.release();
    return used;
  });
  const compressed = standsAlone ? path : "the compressed model";
  const used = await levelOf(path, compressed);
  const isLow = used.level !== LEVELS[0];
  if (isLow && !standsAlone) requireLevel(compressed, used, await levelOf(referencePath, name));
  return { fidelity: null, accuracy: null, latency: null, executed: await readExecuted(runtime, path, logger), warnings: [] };
}

/** Small networks take milliseconds; one that takes this long on inputs that mean nothing is no more than loaded. Large ones get ten seconds more for each megabyte. */
const TRIAL_SECONDS = 3;
/** Made-up data that the original did not come through in time: other candidates of the run need not try again. */
const tooSlow = new WeakMap<Dataset, string>();

/** The data to compare on; made-up inputs that the original does not run on are no data. */
async function runnable(context: MeasureContext, originalBytes: number, runtime: RemoteRuntime): Promise<Dataset | undefined> {
  const { referencePath, name, data, logger, options } = context;
  if (!data.evaluation || !data.isMadeUp) return data.evaluation;
  const { trialSeconds = TRIAL_SECONDS + Math.floor(originalBytes / 1e5) } = options;
  const known = tooSlow.get(data.evaluation);
  const notCompared = (reason: string): Dataset | undefined => {
    logger.diagnostic?.({ id: "compress/no-data", severity: "warning", message: `The models were not compared, because the original ${reason}. Give data with --eval or --calib.` });
    return undefined;
  };
  if (known !== undefined) return notCompared(known);
  const readable = await readableFiles([referencePath]);
  const path = readable.files[0]?.path ?? referencePath;
  const session = await runtime.open(path, { label: name });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void runtime.kill();
  }, 1000 * trialSeconds);
  try {
    const { outputs } = readable;
    if (outputs.length > 0) {
      const { evaluation } = data;
      await runtime.onMadeUpInputs(path, name, async () => {
        for await (const { feed } of evaluation.samples()) await session.run(feed, outputs);
      });
    }
    return data.evaluation;
  } catch (error) {
    throwIfAborted();
    if (isLate) {
      const reason = `takes more than ${trialSeconds} s on ${data.source}`;
      tooSlow.set(data.evaluation, reason);
      return notCompared(reason);
    }
    if (error instanceof LimitExceeded) return notCompared(`takes more than ${error.what} on ${data.source}`);
    if (!(error instanceof EdgecError) || error.code === "RUNTIME_CRASHED") throw error;
    return notCompared(`does not run on ${data.source}: ${error.message}`);
  } finally {
    clearTimeout(timer);
    await session.release().catch(() => undefined);
    await readable.remove();
  }
}

/**
 * A model that the runtime refuses is the passes' doing when it runs the original on the same data, all of it.
 * Otherwise the original is at fault, or one sample of the data.
 */
export async function blamed(error: unknown, context: Blame, path?: string): Promise<unknown> {
  if (error instanceof EndedFromOutside) return error;
  // To load the original once more would only take as long again, and no pass is to blame.
  if (error instanceof LimitExceeded) return new EdgecError(error.code, `${error.message}${withoutRunning(context.options)}`, { cause: error });
  if (!(error instanceof EdgecError) || !REFUSALS.includes(error.code)) return error;
  const fault = await originalFault(originalOf(context), context.data.given);
  if (fault?.code === "MODEL_REJECTED") return new EdgecError(fault.code, `${fault.message}${withoutRunning(context.options)}`, { cause: error });
  if (fault) return fault;
  const reason = path === undefined ? error.message : error.message.replaceAll(path, "it");
  return new EdgecError("PASS_FAILED", `edgec made a model that the runtime refuses, so nothing was written: ${reason}. Run with --debug, or leave passes out with --passes, to see which one did it.`, { cause: error });
}

type Blame = Pick<MeasureContext, "options" | "referencePath" | "name" | "data">;

function originalOf({ referencePath, name }: Blame): Original {
  return { path: referencePath, name };
}

const REFUSALS: readonly string[] = ["MODEL_REJECTED", "RUNTIME_CRASHED", "USAGE"];

/** How to do without the runtime. */
function withoutRunning({ verify, calib }: Blame["options"]): string {
  const flags = [...(verify === false ? [] : ["with --no-verify"]), ...(calib === undefined ? [] : ["without --calib"])];
  if (flags.length === 0) return "";
  const words = flags.join(" and ");
  return `. ${words[0]?.toUpperCase()}${words.slice(1)} edgec compresses it without running it: passes that need no data `
    + "work, and nothing is compared.";
}

/** The id of the warning that the compressed model was not run at all. */
export const UNPROVEN = "compress/unproven";

function unproven(message: string): RunMeasurements {
  return { fidelity: null, accuracy: null, latency: null, executed: null, warnings: [{ id: UNPROVEN, severity: "warning", message }] };
}
