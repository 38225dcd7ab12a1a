/** Measures a compressed file against its original. */
import { freemem } from "node:os";
import { throwIfAborted } from "../abort.js";
import type { Dataset } from "../data/index.js";
import type { Diagnostic, Logger } from "../diagnostics.js";
import { EdgecError, sentence } from "../errors.js";
import { readModel } from "../onnx/index.js";
import { loadBytes } from "../passes/encode/load-bytes.js";
import { LimitExceeded } from "../run-limits.js";
import { memoryShortage } from "../run/memory.js";
import { inStage } from "../stage-clock.js";
import {
  LEVELS,
  openRemote,
  type RemoteRuntime,
  type RemoteSession,
  type RuntimeSearch,
  type UsedLevel,
} from "../runtime/index.js";
import {
  checkGates,
  comparedSession,
  compareSizes,
  loaded,
  readableFiles,
  readExecuted,
  requireLevel,
  verifyModels,
  type Accuracy,
  type Executed,
  type Fidelity,
  type FileSizes,
  type Gate,
  type Latency,
  type LoadComparison,
  type SizeComparison,
} from "../verify/index.js";
import { gateLimits } from "../plan/gate-limits.js";
import { type BlameContext, blamed, originalOf } from "./blame.js";
import { compareLoading, FirstLoads } from "./compare-loading.js";
import { withFailingSample } from "./original-fault.js";
import { totalMacs } from "./total-macs.js";
import { option } from "../option-names.js";

export interface Measurements {
  readonly size: SizeComparison;
  readonly fidelity: Fidelity | null;
  readonly accuracy: Accuracy | null;
  readonly latency: Latency | null;
  readonly executed: Executed | null;
  readonly load?: LoadComparison;
  readonly gates: readonly Gate[];
  readonly warnings: readonly Diagnostic[];
}

export interface MeasureContext extends BlameContext {
  /** The file whose size is compared. */
  readonly originalPath: string;
  readonly logger: Logger;
  /**
   * The sizes of the original, for contexts that measure several models against it: it is then packed only
   * once.
   */
  readonly originalSizes?: () => Promise<FileSizes>;
  /** Has a runtime that is open already, for the first comparison. */
  readonly runtimeSearch?: RuntimeSearch;
  /** A file to run in place of the compressed model; latency is then not measured. */
  readonly standIn?: string;
  /**
   * Makes a missing runtime an error instead of a warning, and blames the user's model instead of a pass when
   * the runtime refuses it.
   */
  readonly standsAlone?: boolean;
}

interface RunMeasurements extends Omit<Measurements, "size" | "gates" | "load"> {
  /** Whether the runtime loaded both models, at least. */
  readonly wasRun: boolean;
}

/**
 * Loads both models in the runtime, runs and times them. Without an installed runtime, or with `verify:
 * false`, measures only sizes and warns about it. Throws EdgecError PASS_FAILED when the runtime refuses the
 * compressed model but runs the original; MODEL_REJECTED when it refuses the original.
 */
export async function measureAgainst(context: MeasureContext, path: string): Promise<Measurements> {
  context.logger.progress?.({
    step: context.options.packedSizes === true ? "measure packed sizes" : "measure sizes",
    done: 0,
  });
  const size = await inStage("pack", () =>
    compareSizes(context.originalPath, path, context.options.packedSizes, context.originalSizes?.()),
  );
  const loads = new FirstLoads();
  const measured = await inStage("compare", () => runBoth({ ...context, loads }, path, size));
  const { wasRun, ...figures } = measured;
  const { fidelity, accuracy, latency, executed } = figures;
  const load = wasRun
    ? await inStage("measure loading", () => compareLoading(context, path, loads))
    : undefined;
  const { maxMacs } = context.options;
  const known = {
    size,
    fidelity: fidelity ?? { samples: 0, source: context.data.source, outputs: {} },
    accuracy,
    latency,
    executed,
    ...(load ? { load } : {}),
    ...(maxMacs === undefined ? {} : { macs: await countMacs(context, path) }),
  };
  return {
    ...figures,
    ...(load ? { load } : {}),
    size,
    gates: checkGates(gateLimits(context.options), known).gates,
  };
}

async function countMacs({ originalPath }: MeasureContext, path: string): Promise<MacsOfBoth> {
  const original = readModel(originalPath);
  return { original: await totalMacs(original), compressed: await totalMacs(readModel(path), original) };
}

interface MacsOfBoth {
  readonly original: number | undefined;
  readonly compressed: number | undefined;
}

interface RunContext extends MeasureContext {
  readonly loads: FirstLoads;
}

async function runBoth(context: RunContext, path: string, size: SizeComparison): Promise<RunMeasurements> {
  if (context.options.verify === false)
    return unproven(
      `The compressed model was not loaded or compared, because verification is off (${option("verify", false)}).`,
    );
  const shortage =
    context.standsAlone === true
      ? undefined
      : memoryShortage(
          size.original.raw,
          freemem(),
          () => loadBytes(readModel(context.referencePath)) + loadBytes(readModel(path)),
        );
  if (shortage !== undefined)
    return unproven(
      `The compressed model was not loaded or compared: ${shortage}. Compare the models on ` +
        'a larger machine with "edgec verify".',
    );
  context.logger.progress?.({ step: "load both models", done: 0 });
  let runtime: RemoteRuntime;
  try {
    runtime = context.runtimeSearch?.take() ?? (await openRemote());
  } catch (error) {
    if (!(error instanceof EdgecError) || error.code !== "RUNTIME_MISSING" || context.standsAlone === true)
      throw error;
    return unproven(`The compressed model was not loaded or compared: ${sentence(error.message)}`);
  }
  try {
    const found = await runnable(context, size.original.raw, runtime);
    // A model that was too slow was killed with its process.
    if (runtime.pid === undefined) runtime = await openRemote();
    const measured = found
      ? await compare(context, path, size, runtime, found)
      : await loadOnly(context, path, runtime);
    await context.loads.note(runtime);
    return measured;
  } catch (error) {
    throw context.standsAlone === true
      ? await withFailingSample(error, originalOf(context), context.data.given)
      : await blamed(error, context, path);
  } finally {
    await runtime.close();
  }
}

async function compare(
  context: MeasureContext,
  path: string,
  size: SizeComparison,
  runtime: RemoteRuntime,
  { evaluation, opened }: Runnable,
): Promise<RunMeasurements> {
  const { options, referencePath, name, logger, data, standIn, standsAlone = false } = context;
  const { metric, threads, seed } = options;
  const { fidelity, accuracy, latency, executed } = await verifyModels({
    original: referencePath,
    compressed: path,
    size,
    runtime,
    ...(opened ? { opened } : {}),
    logger,
    names: [name, standsAlone ? path : "the compressed model"],
    lowerLevelIsFine: standsAlone,
    ...(standIn === undefined ? {} : { standIn, runs: 0 }),
    ...(data.isLabelled ? { evalData: evaluation } : { fidelityData: evaluation }),
    ...(metric === undefined ? {} : { metric }),
    ...(threads === undefined ? {} : { threads }),
    ...(seed === undefined ? {} : { seed }),
  });
  return { wasRun: true, fidelity, accuracy, latency, executed, warnings: [] };
}

/** Without inputs to run on, checks at least that the model loads. */
async function loadOnly(
  context: MeasureContext,
  path: string,
  runtime: RemoteRuntime,
): Promise<RunMeasurements> {
  const { referencePath, name, logger, standsAlone = false } = context;
  const levelOf = (file: string, label: string): Promise<UsedLevel> =>
    loaded(file, async (loadable) => {
      // One thread, so that what loading takes is measured.
      const session = await runtime.open(loadable, { label, threads: 1 });
      const used = await session.usedLevel();
      await session.release();
      return used;
    });
  const compressed = standsAlone ? path : "the compressed model";
  const used = await levelOf(path, compressed);
  const isLow = used.level !== LEVELS[0];
  if (isLow && !standsAlone) requireLevel(compressed, used, await levelOf(referencePath, name));
  return {
    wasRun: true,
    fidelity: null,
    accuracy: null,
    latency: null,
    executed: await readExecuted(runtime, path, logger),
    warnings: [],
  };
}

/**
 * Time limit in seconds for a trial run on random inputs. Small networks take milliseconds; a model that
 * takes longer is only loaded. Large models get ten seconds more per megabyte.
 */
const TRIAL_SECONDS = 3;
/** Random inputs on which the original was too slow: other candidates of the run need not try again. */
const tooSlow = new WeakMap<Dataset, string>();

interface Runnable {
  /** The data to compare on. */
  readonly evaluation: Dataset;
  /** The original, if it was opened to be tried. */
  readonly opened?: RemoteSession;
}

/** None if the original does not run on random inputs. */
async function runnable(
  context: RunContext,
  originalBytes: number,
  runtime: RemoteRuntime,
): Promise<Runnable | undefined> {
  const { referencePath, name, data, logger, options, loads } = context;
  if (!data.evaluation) return undefined;
  if (!data.isMadeUp) return { evaluation: data.evaluation };
  const { trialSeconds = TRIAL_SECONDS + Math.floor(originalBytes / 1e5) } = options;
  const known = tooSlow.get(data.evaluation);
  const notCompared = (reason: string): Runnable | undefined => {
    logger.diagnostic?.({
      id: "compress/no-data",
      severity: "warning",
      message:
        `The models were not compared, because the original ${sentence(reason)} Give ` +
        `data with ${option("eval")} or ${option("calib")}.`,
    });
    return undefined;
  };
  if (known !== undefined) return notCompared(known);
  const readable = await readableFiles([referencePath]);
  const path = readable.files[0]?.path ?? referencePath;
  const session = await runtime.open(path, { ...comparedSession(options), label: name });
  // The process may be killed below.
  await loads.note(runtime);
  let isKept = false;
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
    isKept = path === referencePath;
    return { evaluation: data.evaluation, ...(isKept ? { opened: session } : {}) };
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
    if (!isKept) await session.release().catch(() => undefined);
    await readable.remove();
  }
}

/** Id of the warning that the compressed model was not run. */
export const UNPROVEN = "compress/unproven";

function unproven(message: string): RunMeasurements {
  return {
    wasRun: false,
    fidelity: null,
    accuracy: null,
    latency: null,
    executed: null,
    warnings: [{ id: UNPROVEN, severity: "warning", message }],
  };
}
