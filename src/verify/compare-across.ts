/**
 * Runs one model in both runtimes and at several graph optimization levels, to see whether its answers depend
 * on where it runs.
 */
import type { Dataset } from "../data/index.js";
import { SILENT, type Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import type { Feed } from "../ir/index.js";
import {
  LEVELS,
  openRemote,
  type OnnxRuntime,
  type OptimizationLevel,
  type RuntimeKind,
} from "../runtime/index.js";
import { FidelityMeter, lowestAgreement, type OutputFidelity } from "../fidelity/index.js";
import { factsOf } from "./model-facts.js";
import { readableFiles, type ReadableFiles } from "./readable-files.js";
import { firstFeeds, ReferenceOutputs } from "./reference-outputs.js";
import { dataDependentSizes } from "./verify-models.js";

export const RUNTIMES: readonly RuntimeKind[] = ["node", "web"];

export interface AcrossOptions {
  /** Default both. */
  readonly runtimes?: readonly RuntimeKind[];
  /** Graph optimization levels; default "all", "basic" and "disabled". */
  readonly levels?: readonly OptimizationLevel[];
  /**
   * How many samples to run, from the start of the data; default 32. Fewer if samples and outputs take more
   * than 128 MiB.
   */
  readonly samples?: number;
}

/** One runtime at one level. */
export interface Combination {
  readonly runtime: OnnxRuntime["name"];
  /** null if the runtime is not installed. */
  readonly version: string | null;
  readonly level: OptimizationLevel;
  /**
   * "reference": what the others are compared with; "refused": failed to load or run the model; "missing":
   * not installed.
   */
  readonly status: "reference" | "compared" | "refused" | "missing";
  /** Why it was refused or is missing; null otherwise. */
  readonly message: string | null;
  /**
   * The lowest SQNR of any output against the reference, in dB; null if all are equal, and unless "compared".
   */
  readonly sqnrDb: number | null;
  /** The largest error of any output; null unless "compared". */
  readonly maxAbsError: number | null;
  /**
   * Fraction of decisions that differ, from 0 to 1: the top class, or an integer; null if no output is a
   * decision.
   */
  readonly flipped: number | null;
  /** Each output compared with the reference; empty unless "compared". */
  readonly outputs: Readonly<Record<string, OutputFidelity>>;
}

export interface Across {
  readonly samples: number;
  readonly source: string;
  /** In the order in which they ran. The first one that runs the model is the reference. */
  readonly combinations: readonly Combination[];
}

interface AcrossComparison extends AcrossOptions {
  /** A path. */
  readonly model: string;
  readonly data: Dataset;
  /** Of onnxruntime-node; default 1. */
  readonly threads?: number;
  readonly logger?: Logger;
}

const DEFAULT_LEVELS: readonly OptimizationLevel[] = ["all", "basic", "disabled"];
const DEFAULT_SAMPLES = 32;

type Outcome = Pick<Combination, "version" | "message"> & { readonly status: "ran" | "refused" | "missing" };

/**
 * Runs each combination in a child process of its own, so that a crash is reported and the others continue.
 * onnxruntime-node at level "all" always runs first, as the reference; if it does not run the model, the next
 * one that does is the reference. Throws BadDataError for data that cannot be read.
 */
export async function compareAcross(comparison: AcrossComparison): Promise<Across> {
  const { model, data, samples = DEFAULT_SAMPLES } = comparison;
  const facts = factsOf(model);
  const newMeter = (): FidelityMeter => new FidelityMeter(dataDependentSizes(facts), facts.makers);
  const feeds = await firstFeeds(data, samples);
  const readable = await readableFiles([model]);
  try {
    return await compareReadable(comparison, readable, feeds, newMeter);
  } finally {
    await readable.remove();
  }
}

async function compareReadable(
  comparison: AcrossComparison,
  readable: ReadableFiles,
  feeds: readonly Feed[],
  newMeter: () => FidelityMeter,
): Promise<Across> {
  const { data, logger = SILENT } = comparison;
  const combinations: Combination[] = [];
  const settings = settingsOf(comparison);
  let reference: ReferenceOutputs | undefined;
  for (const { kind, level } of settings) {
    logger.progress?.({
      step: "run in all runtimes and levels",
      done: combinations.length,
      total: settings.length,
    });
    const about = { runtime: `onnxruntime-${kind}`, level } as const;
    if (reference) {
      const meter = newMeter();
      const { outputs } = reference;
      const observe = (actual: Feed, k: number): void => meter.observe(outputs[k]!, actual, `sample ${k}`);
      const outcome = await runIn(kind, level, { ...comparison, readable }, reference.feeds, observe);
      combinations.push({
        ...about,
        ...outcome,
        ...(outcome.status === "ran" ? compared(meter) : notCompared(outcome.status)),
      });
    } else {
      const taken = new ReferenceOutputs(feeds);
      const outcome = await runIn(kind, level, { ...comparison, readable }, feeds, (outputs) =>
        taken.add(outputs),
      );
      if (outcome.status === "ran") reference = taken;
      combinations.push({
        ...about,
        ...outcome,
        ...notCompared(outcome.status === "ran" ? "reference" : outcome.status),
      });
    }
  }
  return { samples: reference?.feeds.length ?? 0, source: data.name, combinations };
}

function settingsOf({
  runtimes = RUNTIMES,
  levels = DEFAULT_LEVELS,
}: AcrossOptions): { kind: RuntimeKind; level: OptimizationLevel }[] {
  const all = RUNTIMES.flatMap((kind) => LEVELS.map((level) => ({ kind, level })));
  return all.filter(({ kind, level }, k) => k === 0 || (runtimes.includes(kind) && levels.includes(level)));
}

/** Any failure in the child after it has loaded a runtime counts as the outcome of this combination. */
async function runIn(
  kind: RuntimeKind,
  level: OptimizationLevel,
  of: AcrossComparison & { readonly readable: ReadableFiles },
  feeds: readonly Feed[],
  take: (outputs: Feed, sample: number) => void,
): Promise<Outcome> {
  const {
    model,
    readable: { files, outputs },
    threads = 1,
  } = of;
  let version: string | null = null;
  try {
    const runtime = await openRemote(kind);
    version = runtime.version;
    try {
      const session = await runtime.open(files[0]?.path ?? model, {
        optimization: level,
        threads,
        label: model,
      });
      if (outputs.length > 0)
        for (let k = 0; k < feeds.length; k++) take(await session.run(feeds[k]!, outputs), k);
    } finally {
      await runtime.close();
    }
    return { status: "ran", version, message: null };
  } catch (error) {
    if (!(error instanceof EdgecError)) throw error;
    return {
      status: error.code === "RUNTIME_MISSING" ? "missing" : "refused",
      version,
      message: error.message.replace(`${model}: `, ""),
    };
  }
}

type Comparison = Pick<Combination, "status" | "sqnrDb" | "maxAbsError" | "flipped" | "outputs">;

function compared(meter: FidelityMeter): Comparison {
  const outputs = meter.result();
  const agreement = lowestAgreement(outputs);
  const results = Object.values(outputs);
  const sqnrs = results.flatMap(({ pooledSqnrDb }) => pooledSqnrDb ?? []);
  return {
    status: "compared",
    outputs,
    sqnrDb: sqnrs.length === 0 ? null : Math.min(...sqnrs),
    maxAbsError: Math.max(0, ...results.map(({ maxAbsError }) => maxAbsError)),
    flipped: agreement === undefined ? null : 1 - agreement,
  };
}

function notCompared(status: "reference" | "refused" | "missing"): Comparison {
  return { status, sqnrDb: null, maxAbsError: null, flipped: null, outputs: {} };
}
