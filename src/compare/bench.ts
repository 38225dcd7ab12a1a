/** Compares the latency of models, timed in turns in one process. */
import { abortable } from "../abort.js";
import { requirePaths } from "../arguments.js";
import { take, type Dataset } from "../data/index.js";
import type { Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { type Feed, fedInputs } from "../ir/index.js";
import { readModel } from "../onnx/index.js";
import { data, logger, number, signal, wholeNumber } from "../option-checks.js";
import { type KeysOf, withKnownOptions } from "../option-keys.js";
import { LIMIT_KEYS, withLimits, type LimitOptions } from "../run-limits.js";
import { openRemote, type RemoteRuntime } from "../runtime/index.js";
import { quantile } from "../numeric/quantile.js";
import { percentiles, randomFeeds, timed } from "../verify/index.js";
import { withFailingSample } from "./original-fault.js";
import { openData } from "./run-data.js";
import { requireThreads } from "../plan/threads.js";
import { option } from "../option-names.js";

export interface BenchOptions extends Pick<LimitOptions, "loadLimit"> {
  /** Inputs to run on: a path or a dataset. Default: random inputs for the first model's inputs. */
  readonly data?: string | Dataset;
  /** Default 1. */
  readonly threads?: number;
  /** Timed runs of each model; default 100. */
  readonly runs?: number;
  /** Default 10. */
  readonly warmup?: number;
  readonly seed?: number;
  readonly logger?: Logger;
  /** Cancels the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const BENCH_KEYS = {
  loadLimit: LIMIT_KEYS.loadLimit,
  data: data,
  threads: number,
  runs: wholeNumber(1),
  warmup: wholeNumber(0),
  seed: wholeNumber(0),
  logger: logger,
  signal: signal,
} satisfies KeysOf<BenchOptions>;

export interface BenchResult {
  readonly runtime: string;
  readonly threads: number;
  /** The source of the inputs. */
  readonly source: string;
  readonly models: readonly BenchedModel[];
}

export interface BenchedModel {
  readonly path: string;
  readonly runs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly minMs: number;
  /** Interquartile range of the times divided by the median: the larger, the less reliable. */
  readonly spread: number;
  /** The first model's median divided by this one's. */
  readonly speedup: number;
}

const FEEDS = 8;

const NOTHING_RETURNED =
  "onnxruntime's JavaScript API can return none of its outputs, nor a tensor in place of one, " +
  "so it cannot be timed";

/**
 * Times models that have the same inputs. Throws BadDataError, and EdgecError RUNTIME_MISSING or
 * MODEL_REJECTED.
 */
export function bench(paths: readonly string[], options: BenchOptions = {}): Promise<BenchResult> {
  return withKnownOptions("bench", BENCH_KEYS, options, () => {
    requirePaths("bench", "the models", paths);
    return abortable(options.signal, () => withLimits(options, () => timeModels(paths, options)));
  });
}

async function timeModels(paths: readonly string[], options: BenchOptions): Promise<BenchResult> {
  const [first] = paths;
  if (first === undefined) throw new EdgecError("USAGE", "bench needs at least one model.");
  requireThreads(options.threads);
  // Reads each model here first: the runtime would wait forever on a pipe in place of a model or its data.
  const [inputs = []] = paths.map((path) => fedInputs(readModel(path)));
  const dataset =
    (await openData(option("data"), options.data, inputs)) ??
    randomFeeds(inputs, { seed: options.seed ?? 0 });
  const feeds = await firstFeeds(dataset);
  const { threads = 1, runs = 100, warmup = 10 } = options;
  options.logger?.progress?.({ step: "time the models in turns", done: 0 });
  const runtime = await openRemote();
  try {
    const times = await timed(paths, async (files) => {
      const labels = files.map(({ label }) => label);
      // Checked before timing, because watching a process takes time on its machine.
      if (options.data === undefined) await runWithinMemory(runtime, files, feeds);
      return runtime.timeInterleaved(
        files.map(({ path }) => path),
        feeds,
        { threads, runs, warmup, labels },
      );
    });
    if (!times) throw new EdgecError("MODEL_REJECTED", `${first}: ${NOTHING_RETURNED}`);
    const base = quantile(times[0]?.samplesMs ?? [], 0.5);
    return {
      runtime: `${runtime.name} ${runtime.version}`,
      threads,
      source: dataset.name,
      models: paths.map((path, index) => summarize(path, times[index]?.samplesMs ?? [], base)),
    };
  } catch (error) {
    throw await failingOne(error, paths, dataset);
  } finally {
    await runtime.close();
  }
}

/** Runs once under the memory limit: random inputs may ask for any size. */
async function runWithinMemory(
  runtime: RemoteRuntime,
  files: readonly { readonly path: string; readonly label: string }[],
  [feed]: readonly Feed[],
): Promise<void> {
  for (const { path, label } of files) {
    const session = await runtime.open(path, { label });
    if (feed) await runtime.onMadeUpInputs(path, label, () => session.run(feed));
    await session.release();
  }
}

/** The error with the number of the sample on which one of the models fails while others pass. */
async function failingOne(error: unknown, paths: readonly string[], dataset: Dataset): Promise<unknown> {
  for (const path of paths) {
    const named = await withFailingSample(error, { path, name: path }, [take(dataset, FEEDS)]);
    if (named !== error) return named;
  }
  return error;
}

async function firstFeeds(dataset: Dataset): Promise<Feed[]> {
  const feeds: Feed[] = [];
  for await (const { feed } of take(dataset, FEEDS).samples()) feeds.push(feed);
  return feeds;
}

function summarize(path: string, samplesMs: readonly number[], base: number): BenchedModel {
  const { p50Ms, p95Ms, spread } = percentiles(samplesMs);
  return {
    path,
    runs: samplesMs.length,
    p50Ms,
    p95Ms,
    minMs: quantile(samplesMs, 0),
    spread,
    speedup: base / p50Ms,
  };
}
