/** Running one model in both runtimes and at several graph optimization levels: do its answers depend on where it runs? */
import type { Dataset } from "../data/index.js";
import { SILENT, type Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import type { Feed } from "../ir/index.js";
import { readModel } from "../onnx/index.js";
import { openRemote, type OnnxRuntime, type OptimizationLevel, type RuntimeKind } from "../runtime/index.js";
import { FidelityMeter, lowestAgreement, type OutputFidelity } from "./fidelity.js";
import { dataDependentSizes } from "./verify.js";

export const RUNTIMES: readonly RuntimeKind[] = ["node", "web"];
/** The most optimized first, which is what onnxruntime does when it is not told otherwise. */
export const LEVELS: readonly OptimizationLevel[] = ["all", "extended", "basic", "disabled"];

export interface AcrossOptions {
  /** Default both. */
  readonly runtimes?: readonly RuntimeKind[];
  /** Graph optimization levels; default "all", "basic" and "disabled". */
  readonly levels?: readonly OptimizationLevel[];
  /** Samples to run on, the first ones of the data; default 32. Fewer where samples and outputs take more than 128 MiB. */
  readonly samples?: number;
}

/** One runtime at one level. */
export interface Combination {
  readonly runtime: OnnxRuntime["name"];
  /** null when it is not installed. */
  readonly version: string | null;
  readonly level: OptimizationLevel;
  /** What the others are compared with, compared with it, refused to load or run the model, or not installed. */
  readonly status: "reference" | "compared" | "refused" | "missing";
  /** Why it was refused or is missing, else null. */
  readonly message: string | null;
  /** The lowest SQNR of an output against the reference, in dB; null when all are equal, and for all but "compared". */
  readonly sqnrDb: number | null;
  /** The largest error of an output; null for all but "compared". */
  readonly maxAbsError: number | null;
  /** Share of decisions, from 0 to 1, that differ: the top class, or an integer; null where no output is a decision. */
  readonly flipped: number | null;
  /** Each output against the reference's; empty for all but "compared". */
  readonly outputs: Readonly<Record<string, OutputFidelity>>;
}

export interface Across {
  readonly samples: number;
  readonly source: string;
  /** In the order in which they ran; the first that runs the model is the reference. */
  readonly combinations: readonly Combination[];
}

export interface AcrossComparison extends AcrossOptions {
  /** A path. */
  readonly model: string;
  readonly data: Dataset;
  /** Of onnxruntime-node; default 1. */
  readonly threads?: number;
  readonly logger?: Logger;
}

const DEFAULT_LEVELS: readonly OptimizationLevel[] = ["all", "basic", "disabled"];
const DEFAULT_SAMPLES = 32;
const MOST_BYTES = 2 ** 27;

/** What the reference gives on each of the feeds. */
interface Reference { readonly feeds: Feed[]; readonly outputs: Feed[] }

type Outcome = Pick<Combination, "version" | "message"> & { readonly status: "ran" | "refused" | "missing" };

/**
 * Each combination runs in a child process of its own, so that one that crashes says so and the others go on.
 * onnxruntime-node at level "all" is always among them, as what the others are compared with; where it does not run
 * the model, the next that does takes its place. Throws BadDataError for data that cannot be read.
 */
export async function compareAcross(comparison: AcrossComparison): Promise<Across> {
  const { model, data, samples = DEFAULT_SAMPLES, logger = SILENT } = comparison;
  const isOpen = dataDependentSizes(readModel(model));
  const feeds = await firstFeeds(data, samples);
  const combinations: Combination[] = [];
  const settings = settingsOf(comparison);
  let reference: Reference | undefined;
  for (const { kind, level } of settings) {
    logger.progress?.({ step: "run across runtimes and levels", done: combinations.length, total: settings.length });
    const about = { runtime: `onnxruntime-${kind}`, level } as const;
    if (reference) {
      const meter = new FidelityMeter(isOpen);
      const { outputs } = reference;
      const outcome = await runIn(kind, level, comparison, reference.feeds, (actual, k) => meter.observe(outputs[k]!, actual, `sample ${k}`));
      combinations.push({ ...about, ...outcome, ...(outcome.status === "ran" ? compared(meter) : notCompared(outcome.status)) });
    } else {
      const taken = new BoundedReference(feeds);
      const outcome = await runIn(kind, level, comparison, feeds, (outputs) => taken.add(outputs));
      if (outcome.status === "ran") reference = taken;
      combinations.push({ ...about, ...outcome, ...notCompared(outcome.status === "ran" ? "reference" : outcome.status) });
    }
  }
  return { samples: reference?.feeds.length ?? 0, source: data.name, combinations };
}

function settingsOf({ runtimes = RUNTIMES, levels = DEFAULT_LEVELS }: AcrossOptions): { kind: RuntimeKind; level: OptimizationLevel }[] {
  const all = RUNTIMES.flatMap((kind) => LEVELS.map((level) => ({ kind, level })));
  return all.filter(({ kind, level }, k) => k === 0 || (runtimes.includes(kind) && levels.includes(level)));
}

async function firstFeeds(data: Dataset, samples: number): Promise<Feed[]> {
  const feeds: Feed[] = [];
  let bytes = 0;
  for await (const { feed } of data.samples()) {
    feeds.push(feed);
    bytes += bytesOf(feed);
    if (feeds.length >= samples || bytes >= MOST_BYTES) break;
  }
  return feeds;
}

/** Keeps outputs until they and their feeds take {@link MOST_BYTES}, and the first in any case. */
class BoundedReference implements Reference {
  readonly outputs: Feed[] = [];
  private bytes = 0;

  constructor(private readonly given: readonly Feed[]) {}

  get feeds(): Feed[] {
    return this.given.slice(0, this.outputs.length);
  }

  add(outputs: Feed): void {
    if (this.bytes >= MOST_BYTES) return;
    this.bytes += bytesOf(outputs) + bytesOf(this.given[this.outputs.length] ?? {});
    this.outputs.push(outputs);
  }
}

/** Strings are taken as their length in UTF-16. */
function bytesOf(feed: Feed): number {
  let bytes = 0;
  for (const { data } of Object.values(feed)) {
    if (Array.isArray(data)) for (const text of data as readonly string[]) bytes += 2 * text.length;
    else bytes += (data as ArrayBufferView).byteLength;
  }
  return bytes;
}

/** Whatever goes wrong in the child after it has a runtime is that combination's doing, and told as its outcome. */
async function runIn(
  kind: RuntimeKind, level: OptimizationLevel, { model, threads = 1 }: AcrossComparison, feeds: readonly Feed[], take: (outputs: Feed, sample: number) => void,
): Promise<Outcome> {
  let version: string | null = null;
  try {
    const runtime = await openRemote(kind);
    version = runtime.version;
    try {
      const session = await runtime.open(model, { optimization: level, threads });
      for (let k = 0; k < feeds.length; k++) take(await session.run(feeds[k]!), k);
    } finally {
      await runtime.close();
    }
    return { status: "ran", version, message: null };
  } catch (error) {
    if (!(error instanceof EdgecError)) throw error;
    return { status: error.code === "RUNTIME_MISSING" ? "missing" : "refused", version, message: error.message.replace(`${model}: `, "") };
  }
}

type Comparison = Pick<Combination, "status" | "sqnrDb" | "maxAbsError" | "flipped" | "outputs">;

function compared(meter: FidelityMeter): Comparison {
  const outputs = meter.result();
  const agreement = lowestAgreement(outputs);
  const results = Object.values(outputs);
  const sqnrs = results.flatMap(({ sqnrDb }) => sqnrDb ?? []);
  return {
    status: "compared", outputs,
    sqnrDb: sqnrs.length === 0 ? null : Math.min(...sqnrs),
    maxAbsError: Math.max(...results.map(({ maxAbsError }) => maxAbsError)),
    flipped: agreement === undefined ? null : 1 - agreement,
  };
}

function notCompared(status: "reference" | "refused" | "missing"): Comparison {
  return { status, sqnrDb: null, maxAbsError: null, flipped: null, outputs: {} };
}
