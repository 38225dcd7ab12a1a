/** Evaluates models for a search: their time on this machine, and whether they meet the accuracy gates. */
import { take, type Dataset } from "../data/index.js";
import type { Feed, Model } from "../ir/index.js";
import { quantile } from "../numeric/quantile.js";
import { TemporaryFolder, writeModel } from "../onnx/index.js";
import { type ModelTimes, openRemote } from "../runtime/index.js";
import { checkGates, type GateLimits, readableOutputs, sizesOf, verifyModels } from "../verify/index.js";
import type { ModelEvaluators } from "./search-types.js";

interface EvaluatorContext {
  /** The file that the runtime runs as the original. */
  readonly referencePath: string;
  readonly evaluation: Dataset | undefined;
  readonly isLabelled: boolean;
  readonly metric: string | undefined;
  readonly threads: number;
  /** The gates on accuracy and fidelity; without any, `meetsGates` is absent. */
  readonly limits: GateLimits;
  /** Whether times on this machine matter. */
  readonly isTimed: boolean;
}

const TIMED_FEEDS = 4;
/** Shorter than the final comparison, because the models to choose between differ by more than a few percent. */
const TIMING = { warmup: 2, runs: 15, minMs: 150, maxMs: 4_000 };

export function runEvaluators(context: EvaluatorContext): Pick<ModelEvaluators, "time" | "meetsGates"> {
  const { evaluation, limits, isTimed } = context;
  if (!evaluation) return {};
  return {
    ...(isTimed
      ? { time: (models: readonly Model[]) => timeModels(models, evaluation, context.threads) }
      : {}),
    ...(Object.keys(limits).length > 0
      ? { meetsGates: (model: Model) => gatesHold(model, evaluation, context) }
      : {}),
  };
}

async function timeModels(models: readonly Model[], evaluation: Dataset, threads: number): Promise<number[]> {
  const feeds: Feed[] = [];
  for await (const { feed } of take(evaluation, TIMED_FEEDS).samples()) feeds.push(feed);
  return inFolder(async (folder) => {
    // A model whose outputs cannot be returned needs a readable form.
    const readable = models.map((model) => readableOutputs(model).model);
    const paths = readable.map(
      (model, k) => writeModel(model, folder.file(`${k}.onnx`), { durable: false }).path,
    );
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
 * The median of the first model, and those of the others from the median of their ratio to it within each
 * round, so that a slowdown of the machine during some rounds affects all models equally. Entry r of all lists
 * must come from the same round.
 */
export function steadyMedians(times: readonly ModelTimes[]): number[] {
  const base = times[0]?.samplesMs ?? [];
  const median = quantile(base, 0.5);
  return times.map(
    ({ samplesMs }) =>
      median *
      quantile(
        samplesMs.map((time, round) => time / (base[round] ?? NaN)),
        0.5,
      ),
  );
}

async function gatesHold(
  model: Model,
  evaluation: Dataset,
  { referencePath, isLabelled, metric, threads, limits }: EvaluatorContext,
): Promise<boolean> {
  return inFolder(async (folder) => {
    const compressed = writeModel(model, folder.file("trial.onnx"), { durable: false }).path;
    const report = await verifyModels({
      original: referencePath,
      compressed,
      runs: 0,
      threads,
      size: { ...UNKNOWN_SIZE, original: await sizesOf(referencePath) },
      ...(isLabelled ? { evalData: evaluation } : { fidelityData: evaluation }),
      ...(metric === undefined ? {} : { metric }),
    });
    return checkGates(limits, report).ok;
  });
}

/** Gates on size are not checked here. */
const UNKNOWN_SIZE = { compressed: { raw: 0, gzip: null, brotli: null }, ratio: 1 };

async function inFolder<T>(use: (folder: TemporaryFolder) => Promise<T>): Promise<T> {
  const folder = await TemporaryFolder.create("search");
  try {
    return await use(folder);
  } finally {
    await folder.remove();
  }
}
