/** What a run can tell a search of a model: its time on this machine, whether the gates hold, and where to keep the best so far. */
import { take, type Dataset } from "../../data/index.js";
import type { Feed, Model } from "../../ir/index.js";
import { TemporaryFolder, writeModel } from "../../onnx/index.js";
import { type ModelTimes, openRemote } from "../../runtime/index.js";
import { checkGates, type GateLimits, quantile, readableOutputs, verifyModels } from "../../verify/index.js";
import type { ModelJudges } from "./search-tools.js";

export interface JudgeContext {
  /** What the runtime runs as the original. */
  readonly referencePath: string;
  readonly evaluation: Dataset | undefined;
  readonly isLabelled: boolean;
  readonly metric: string | undefined;
  readonly threads: number;
  /** The gates on accuracy and fidelity; without any, `enough` is left out. */
  readonly limits: GateLimits;
  /** Whether times on this machine are those that count. */
  readonly isTimed: boolean;
}

const TIMED_FEEDS = 4;
/** A fraction of what the final comparison takes: choices are between models that differ by more than a few percent. */
const TIMING = { warmup: 2, runs: 15, minMs: 150, maxMs: 4_000 };

export function runJudges(context: JudgeContext): Pick<ModelJudges, "time" | "enough"> {
  const { evaluation, limits, isTimed } = context;
  if (!evaluation) return {};
  return {
    ...(isTimed ? { time: (models: readonly Model[]) => timeModels(models, evaluation, context.threads) } : {}),
    ...(Object.keys(limits).length > 0 ? { enough: (model: Model) => gatesHold(model, evaluation, context) } : {}),
  };
}

async function timeModels(models: readonly Model[], evaluation: Dataset, threads: number): Promise<number[]> {
  const feeds: Feed[] = [];
  for await (const { feed } of take(evaluation, TIMED_FEEDS).samples()) feeds.push(feed);
  return inFolder(async (folder) => {
    // Outputs that cannot be returned would leave nothing to ask for.
    const readable = models.map((model) => readableOutputs(model).model);
    const paths = readable.map((model, k) => writeModel(model, folder.file(`${k}.onnx`), { durable: false }).path);
    const runtime = await openRemote();
    try {
      const labels = models.map((_, k) => `model ${k} of the search`);
      const times = await runtime.timeInterleaved(paths, feeds, { ...TIMING, threads, labels });
      return steadyMedians(times);
    } finally {
      await runtime.close();
    }
  });
}

/**
 * The first model's median, and those of the others by the median of their ratio to it within a round: what slows the
 * machine down for some rounds then slows all models down alike. Entry r of all must come from the same round.
 */
export function steadyMedians(times: readonly ModelTimes[]): number[] {
  const base = times[0]?.samplesMs ?? [];
  const median = quantile(base, 0.5);
  return times.map(({ samplesMs }) => median * quantile(samplesMs.map((time, round) => time / (base[round] ?? NaN)), 0.5));
}

async function gatesHold(model: Model, evaluation: Dataset, { referencePath, isLabelled, metric, threads, limits }: JudgeContext): Promise<boolean> {
  return inFolder(async (folder) => {
    const compressed = writeModel(model, folder.file("trial.onnx"), { durable: false }).path;
    const report = await verifyModels({
      original: referencePath, compressed, runs: 0, threads, size: UNKNOWN_SIZE,
      ...(isLabelled ? { evalData: evaluation } : { fidelityData: evaluation }), ...(metric === undefined ? {} : { metric }),
    });
    return checkGates(limits, report).ok;
  });
}

/** Gates on size are not asked about here. */
const UNKNOWN_SIZE = { original: { raw: 0, gzip: null, brotli: null }, compressed: { raw: 0, gzip: null, brotli: null }, ratio: 1 };

async function inFolder<T>(use: (folder: TemporaryFolder) => Promise<T>): Promise<T> {
  const folder = await TemporaryFolder.create("search");
  try {
    return await use(folder);
  } finally {
    await folder.remove();
  }
}
