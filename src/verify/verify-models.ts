/**
 * Compares a compressed model with its original: outputs in one pass over the data, then latency, sizes and
 * what is executed.
 */
import type { Dataset } from "../data/index.js";
import { SILENT } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
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
import { readExecuted, type Executed } from "./executed.js";
import { randomFeeds } from "./feeds.js";
import { warnOfOutputs } from "./fidelity-warnings.js";
import type { Latency } from "./latency.js";
import { factsOf, type ModelFacts } from "./model-facts.js";
import type { LoadComparison } from "./load.js";
import { measureLatency, type LatencyOptions } from "./measure-latency.js";
import { bytesOf, firstFeeds } from "./reference-outputs.js";
import { compareSizes, type SizeComparison } from "./size.js";
import { loadMetric } from "./user-metric.js";

export interface VerifyModelsOptions extends LatencyOptions {
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
  /** Seed of random inputs. */
  readonly seed?: number;
  /** The sizes of both models, if already known. */
  readonly size?: SizeComparison;
  /** A runtime that is already open; otherwise one is started and closed. */
  readonly runtime?: RemoteRuntime;
  /** The original in that runtime, if it is open already with `comparedSession`; it is released. */
  readonly opened?: RemoteSession;
  /** Accepts a compressed model that runs only at a lower optimization level than the original. */
  readonly lowerLevelIsFine?: boolean;
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

/**
 * Runs both models in a child process and compares them. Reads samples one by one and keeps only sums. Throws
 * EdgecError USAGE when the two do not have the same inputs and outputs, MODEL_REJECTED when onnxruntime
 * refuses one of them or shapes of outputs differ, BadDataError, RUNTIME_MISSING and RUNTIME_CRASHED.
 */
export async function verifyModels(options: VerifyModelsOptions): Promise<VerifyReport> {
  const original = factsOf(options.original);
  const compressed = factsOf(options.compressed);
  requireSameInterface(original, compressed, options);
  const metric = await metricOf(options);
  const size = options.size ?? (await compareSizes(options.original, options.compressed));
  const runtime = options.runtime ?? (await openRemote());
  try {
    const data = fidelityDataOf(options, original);
    const comparison = {
      ...given(options),
      ...(metric ? { metric } : {}),
      fidelityData: data,
      originalBytes: size.original.raw,
      isOpen: dataDependentSizes(original),
      makers: original.makers,
      runtime,
      session: { ...comparedSession(options), plansMemory: !(await hasLargeInputs(data)) },
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
    return { size, fidelity, accuracy, latency, executed };
  } finally {
    if (!options.runtime) await runtime.close();
  }
}

/**
 * Whether the size of an output along an axis depends on the data: it is neither declared nor named after a
 * size of an input.
 */
export function dataDependentSizes({
  inputs,
  outputs,
}: Pick<ModelFacts, "inputs" | "outputs">): (output: string, axis: number) => boolean {
  const given = new Set(inputs.flatMap(({ type }) => type?.tensor?.shape ?? []));
  const shapes = new Map(outputs.map(({ name, type }) => [name, type?.tensor?.shape]));
  return (output, axis) => {
    const size = shapes.get(output)?.[axis];
    return size === undefined || (typeof size === "string" && !given.has(size));
  };
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

function fidelityDataOf(
  { fidelityData, evalData, seed = 0 }: VerifyModelsOptions,
  original: ModelFacts,
): Dataset {
  return fidelityData ?? evalData ?? randomFeeds(original.required, { seed });
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

function requireSameInterface(
  original: ModelFacts,
  compressed: ModelFacts,
  paths: { original: string; compressed: string },
): void {
  const names = (values: ModelFacts["inputs"]): string =>
    values
      .map((value) => value.name)
      .sort()
      .join(", ") || "none";
  for (const [what, of] of [
    ["inputs", "required"],
    ["outputs", "outputs"],
  ] as const) {
    const [expected, actual] = [names(original[of]), names(compressed[of])];
    if (expected !== actual) {
      throw new EdgecError(
        "USAGE",
        `${paths.compressed} is not a compressed form of ${paths.original}: its ${what} are ` +
          `${actual}, the original's are ${expected}`,
      );
    }
  }
}
