/**
 * Compares a compressed model with its original: outputs in one pass over the data, then latency, sizes and
 * what is executed.
 */
import type { Dataset } from "../data/index.js";
import { SILENT, type Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import type { Feed, Model, ValueInfo } from "../ir/index.js";
import { decodeModel, readModel } from "../onnx/index.js";
import {
  openRemote,
  type RemoteRuntime,
  type RemoteSession,
  type SessionOptions,
  TIMED,
} from "../runtime/index.js";
import { inStage } from "../stage-clock.js";
import type { Accuracy, Metric } from "./accuracy.js";
import { compareOutputs, type Fidelity, type OutputComparison } from "./compare-outputs.js";
import { describeExecuted, type Executed } from "./executed.js";
import { randomFeeds } from "./feeds.js";
import { warnOfOutputs } from "./fidelity-warnings.js";
import { compareTimes, type Latency } from "./latency.js";
import type { LoadComparison } from "./load.js";
import { loaded, timed } from "./readable-files.js";
import { isSameFile, modelSizes, type FileSizes } from "./size.js";
import { bytesOf, firstFeeds } from "./reference-outputs.js";
import { loadMetric } from "./user-metric.js";

export interface VerifyModelsOptions {
  /** Paths. */
  readonly original: string;
  readonly compressed: string;
  /**
   * A model to run in place of the compressed one when outputs are compared, such as one that emulates a
   * processor.
   */
  readonly standIn?: string;
  /** Labelled data for accuracy. Also used for fidelity when `fidelityData` is absent. */
  readonly evalData?: Dataset;
  /** Data for fidelity and latency; default: `evalData`, or random inputs. */
  readonly fidelityData?: Dataset;
  /** "top-1" (default), "top-5", a module's path, or a metric. Needs labels. */
  readonly metric?: string | Metric;
  /** Threads of the runtime; default 1. */
  readonly threads?: number;
  /**
   * Timed rounds; 0 leaves latency out. Default: 50 rounds and half a second per model; 12 to 50 rounds within
   * two seconds where they take longer, and 5 to 12 within 20 seconds for very large models.
   */
  readonly runs?: number;
  readonly warmup?: number;
  /** Seed of random inputs. */
  readonly seed?: number;
  /** Session config entries for both models, such as {"session.x64quantprecision": "1"}. */
  readonly sessionConfig?: Readonly<Record<string, string>>;
  /** The sizes of both models, if already known. */
  readonly size?: SizeComparison;
  /** A runtime that is already open; otherwise one is started and closed. */
  readonly runtime?: RemoteRuntime;
  /** The original in that runtime, if it is open already with `comparedSession`; it is released. */
  readonly opened?: RemoteSession;
  /** Accepts a compressed model that runs only at a lower optimization level than the original. */
  readonly lowerLevelIsFine?: boolean;
  /** Names of the two models in messages; default: their paths. */
  readonly names?: readonly [original: string, compressed: string];
  readonly logger?: Logger;
}

export interface SizeComparison {
  /** Bytes, external data included. */
  readonly original: FileSizes;
  readonly compressed: FileSizes;
  /** original.raw / compressed.raw */
  readonly ratio: number;
}

export interface VerifyReport {
  readonly size: SizeComparison;
  readonly fidelity: Fidelity;
  /** null without labels. */
  readonly accuracy: Accuracy | null;
  /** null when `runs` is 0. */
  readonly latency: Latency | null;
  /** Of the compressed model; null if the runtime cannot show its graph (onnxruntime-web). */
  readonly executed: Executed | null;
  /** Time and memory of loading; only where they were measured. */
  readonly load?: LoadComparison;
  /** Multiply-accumulates of one sample; only where they were counted. */
  readonly macs?: { readonly original: number | undefined; readonly compressed: number | undefined };
}

const DEFAULT_RUNS = 50;
const DEFAULT_WARMUP = 5;
/** Small models are timed for longer than 50 rounds take; the rounds of large ones are limited. */
const TIME_PER_MODEL_MS = 500;
const ENOUGH_MS = 2_000;
/** For models of which a dozen rounds would take longer. */
const LATENCY_BUDGET_MS = 20_000;
/** Timing ends once the speed-up is known this well, which is better than the 3 % that count as noise. */
const SURE_WITHIN = 0.02;
/** Warns when the interquartile range of the times exceeds this fraction of the median. */
const UNQUIET_SPREAD = 0.3;
/** Number of inputs that latency is measured on, in turns. */
const TIMED_FEEDS = 8;

/**
 * Runs both models in a child process and compares them. Reads samples one by one and keeps only sums. Throws
 * EdgecError USAGE when the two do not have the same inputs and outputs, MODEL_REJECTED when onnxruntime
 * refuses one of them or shapes of outputs differ, BadDataError, RUNTIME_MISSING and RUNTIME_CRASHED.
 */
export async function verifyModels(options: VerifyModelsOptions): Promise<VerifyReport> {
  const original = readModel(options.original);
  const compressed = readModel(options.compressed);
  requireSameInterface(original, compressed, options);
  const metric = await metricOf(options);
  const runtime = options.runtime ?? (await openRemote());
  try {
    const data = fidelityDataOf(options, original);
    const comparison = {
      ...given(options),
      ...(metric ? { metric } : {}),
      fidelityData: data,
      isOpen: dataDependentSizes(original),
      runtime,
      session: { ...comparedSession(options), plansMemory: !(await hasLargeInputs(data)) },
      models: new Map([
        [options.original, original],
        [options.compressed, compressed],
      ]),
    };
    let latency: Latency | null = null;
    const time = async (sessions?: readonly RemoteSession[]): Promise<void> => {
      if (options.runs === 0) return;
      options.logger?.progress?.({ step: "time both models in turns", done: 0 });
      latency = await inStage("measure latency", () => measureLatency(options, data, runtime, sessions));
    };
    let isTimed = false;
    const { fidelity, accuracy } = await compareOutputs(comparison, async (compared, sessions) => {
      warnOfOutputs(compared.fidelity, options.logger ?? SILENT);
      if (!sessions) return;
      isTimed = true;
      await time(sessions);
    });
    if (!isTimed) await time();
    options.logger?.progress?.({ step: "read the executed graph", done: 0 });
    const executed = await readExecuted(
      runtime,
      options.compressed,
      options.logger ?? SILENT,
      options.names?.[1],
    );
    return {
      size: options.size ?? (await compareSizes(options.original, options.compressed)),
      fidelity,
      accuracy,
      latency,
      executed,
    };
  } finally {
    if (!options.runtime) await runtime.close();
  }
}

/**
 * Whether the size of an output along an axis depends on the data: it is neither declared nor named after a
 * size of an input.
 */
export function dataDependentSizes({ graph }: Model): (output: string, axis: number) => boolean {
  const given = new Set(graph.inputs.flatMap(({ type }) => type?.tensor?.shape ?? []));
  const shapes = new Map(graph.outputs.map(({ name, type }) => [name, type?.tensor?.shape]));
  return (output, axis) => {
    const size = shapes.get(output)?.[axis];
    return size === undefined || (typeof size === "string" && !given.has(size));
  };
}

/**
 * Sizes of both models on disk; with `packed` also after gzip and brotli, of equal files once.
 * @param known the sizes of the original, if already measured
 */
export async function compareSizes(
  originalPath: string,
  compressedPath: string,
  packed = false,
  known?: Promise<FileSizes>,
): Promise<SizeComparison> {
  const original = await (known ?? sizesOf(originalPath, packed));
  const isEqual = packed && (await isSameFile(originalPath, compressedPath));
  const compressed = isEqual ? original : await sizesOf(compressedPath, packed);
  return { original, compressed, ratio: original.raw / compressed.raw };
}

/** The size on disk; with `packed` as `modelSizes`. */
export async function sizesOf(path: string, packed = false): Promise<FileSizes> {
  return packed ? modelSizes(path) : modelSizes(path, 0);
}

/** What the runtime executes for a model, or null if it cannot show it. */
export async function readExecuted(
  runtime: RemoteRuntime,
  path: string,
  logger: Logger,
  name?: string,
): Promise<Executed | null> {
  try {
    return describeExecuted(
      decodeModel(await loaded(path, (file) => runtime.optimizedGraph(file, name ?? path))),
    );
  } catch (error) {
    if (!(error instanceof EdgecError) || error.code !== "RUNTIME_MISSING") throw error;
    logger.diagnostic?.({ id: "verify/no-executed-graph", severity: "info", message: error.message });
    return null;
  }
}

type Given =
  "original" | "compressed" | "standIn" | "evalData" | "logger" | "lowerLevelIsFine" | "names" | "opened";

function given(options: VerifyModelsOptions): Pick<OutputComparison, Given> {
  const { original, compressed, standIn, evalData, logger, lowerLevelIsFine, names, opened } = options;
  return {
    original,
    compressed,
    ...(standIn === undefined ? {} : { standIn }),
    ...(evalData ? { evalData } : {}),
    ...(logger ? { logger } : {}),
    ...(lowerLevelIsFine === undefined ? {} : { lowerLevelIsFine }),
    ...(names ? { names } : {}),
    ...(opened ? { opened } : {}),
  };
}

/** How the models are opened, which are compared and then timed. */
export function comparedSession({
  threads = 1,
  sessionConfig,
}: Pick<VerifyModelsOptions, "threads" | "sessionConfig">): SessionOptions {
  return { threads, config: { ...TIMED, ...sessionConfig } };
}

/** Bytes of a sample's inputs from which activations are likely to take most of the memory. */
const LARGE_INPUTS = 2 ** 20;

async function hasLargeInputs(data: Dataset): Promise<boolean> {
  const [feed] = await firstFeeds(data, 1);
  return feed !== undefined && bytesOf(feed) >= LARGE_INPUTS;
}

function fidelityDataOf({ fidelityData, evalData, seed = 0 }: VerifyModelsOptions, original: Model): Dataset {
  return fidelityData ?? evalData ?? randomFeeds(requiredInputs(original), { seed });
}

async function metricOf({ metric, evalData }: VerifyModelsOptions): Promise<Metric | undefined> {
  if (!evalData?.hasLabels) {
    if (metric === undefined) return undefined;
    throw new EdgecError(
      "BAD_OPTION",
      `a metric needs labels, and ${evalData ? `${evalData.name} has none` : "there is no evaluation data"}`,
    );
  }
  return typeof metric === "object" ? metric : loadMetric(metric ?? "top-1");
}

async function measureLatency(
  options: VerifyModelsOptions,
  data: Dataset,
  runtime: RemoteRuntime,
  sessions: readonly RemoteSession[] | undefined,
): Promise<Latency | null> {
  const { original, compressed, runs, warmup = DEFAULT_WARMUP, threads = 1, sessionConfig } = options;
  const feeds: Feed[] = [];
  for await (const { feed } of data.samples()) if (feeds.push(feed) === TIMED_FEEDS) break;
  const budget =
    runs === undefined
      ? {
          runs: DEFAULT_RUNS,
          minMs: TIME_PER_MODEL_MS,
          enoughMs: ENOUGH_MS,
          maxMs: LATENCY_BUDGET_MS,
          sureWithin: SURE_WITHIN,
        }
      : { runs };
  const timing = { ...budget, warmup, threads, ...(sessionConfig ? { config: sessionConfig } : {}) };
  const times = sessions
    ? await runtime.timeSessions(sessions, feeds, timing)
    : await timed([original, compressed], (files) => {
        const labels = options.names ?? files.map(({ label }) => label);
        return runtime.timeInterleaved(
          files.map(({ path }) => path),
          feeds,
          { ...timing, labels },
        );
      });
  if (!times) return null;
  const [before, after] = times;
  const latency = compareTimes(before ?? { samplesMs: [] }, after ?? { samplesMs: [] }, {
    threads,
    runtime: `${runtime.name} ${runtime.version}`,
  });
  warnOfNoise(latency, options.logger ?? SILENT);
  return latency;
}

function warnOfNoise({ original, compressed, speedupRange: [low, high] }: Latency, logger: Logger): void {
  if (Math.max(original.spread, compressed.spread) <= UNQUIET_SPREAD) return;
  logger.diagnostic?.({
    id: "verify/unquiet-machine",
    severity: "warning",
    message:
      `The machine was busy while the models were timed: half of the rounds gave speed-ups outside ` +
      `${low.toFixed(2)}× to ${high.toFixed(2)}×. Repeat the measurement on an idle machine before relying on it.`,
  });
}

/** Graph inputs without a default value. */
function requiredInputs({ graph }: Model): ValueInfo[] {
  const held = new Set(graph.initializers.map((tensor) => tensor.name));
  return graph.inputs.filter((input) => !held.has(input.name));
}

function requireSameInterface(
  original: Model,
  compressed: Model,
  paths: { original: string; compressed: string },
): void {
  const names = (values: readonly ValueInfo[]): string =>
    values
      .map((value) => value.name)
      .sort()
      .join(", ") || "none";
  for (const [what, of] of [
    ["inputs", requiredInputs],
    ["outputs", (model: Model) => model.graph.outputs],
  ] as const) {
    const [expected, actual] = [names(of(original)), names(of(compressed))];
    if (expected !== actual) {
      throw new EdgecError(
        "USAGE",
        `${paths.compressed} is not a compressed form of ${paths.original}: its ${what} are ` +
          `${actual}, the original's are ${expected}`,
      );
    }
  }
}
