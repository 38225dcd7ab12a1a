/** How long models take, measured against each other in turns in one process. */
import { abortable } from "../abort.js";
import { take, type Dataset } from "../data/index.js";
import type { Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import type { Feed } from "../ir/index.js";
import { readModel } from "../onnx/index.js";
import { openRemote } from "../runtime/index.js";
import { percentiles, quantile, randomFeeds, timed } from "../verify/index.js";
import { toldOfSample } from "./original-fault.js";
import { modelInputs, openData } from "./run-data.js";
import { requireThreads } from "./threads.js";

export interface BenchOptions {
  /** Inputs to run on: a path or a dataset; without it, random feeds from the first model's inputs. */
  readonly data?: string | Dataset;
  /** Default 1. */
  readonly threads?: number;
  /** Timed runs of each model; default 100. */
  readonly runs?: number;
  /** Default 10. */
  readonly warmup?: number;
  readonly seed?: number;
  readonly logger?: Logger;
  /** Ends it early: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface BenchResult {
  readonly runtime: string;
  readonly threads: number;
  /** Where the inputs came from. */
  readonly source: string;
  readonly models: readonly BenchedModel[];
}

export interface BenchedModel {
  readonly path: string;
  readonly runs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly minMs: number;
  /** Middle half of the times divided by the median: how far to trust it. */
  readonly spread: number;
  /** First model's median divided by this one's. */
  readonly speedup: number;
}

const FEEDS = 8;

const NOTHING_RETURNED = "onnxruntime's JavaScript API can return none of its outputs, nor a tensor that stands for one, "
  + "so that it cannot be timed";

/** Times models with the same inputs. Throws BadDataError, and EdgecError RUNTIME_MISSING or MODEL_REJECTED. */
export function bench(paths: readonly string[], options: BenchOptions = {}): Promise<BenchResult> {
  return abortable(options.signal, () => timeModels(paths, options));
}

async function timeModels(paths: readonly string[], options: BenchOptions): Promise<BenchResult> {
  const [first] = paths;
  if (first === undefined) throw new EdgecError("USAGE", "bench needs at least one model.");
  requireThreads(options.threads);
  // Each is looked at here, as the runtime would wait for ever on a pipe in place of a model or its data.
  const [inputs = []] = paths.map((path) => modelInputs(readModel(path)));
  const dataset = await openData("--data", options.data, inputs) ?? randomFeeds(inputs, { seed: options.seed ?? 0 });
  const feeds = await firstFeeds(dataset);
  const { threads = 1, runs = 100, warmup = 10 } = options;
  options.logger?.progress?.({ step: "time the models in turns", done: 0 });
  const runtime = await openRemote();
  try {
    const times = await timed(paths, (files) => {
      const labels = files.map(({ label }) => label);
      return runtime.timeInterleaved(files.map(({ path }) => path), feeds, { threads, runs, warmup, labels });
    });
    if (!times) throw new EdgecError("MODEL_REJECTED", `${first}: ${NOTHING_RETURNED}`);
    const base = quantile(times[0]?.samplesMs ?? [], 0.5);
    return {
      runtime: `${runtime.name} ${runtime.version}`, threads, source: dataset.name,
      models: paths.map((path, index) => summarize(path, times[index]?.samplesMs ?? [], base)),
    };
  } catch (error) {
    throw await failingOne(error, paths, dataset);
  } finally {
    await runtime.close();
  }
}

/** A sample that one of the models fails on while others pass is told by its number. */
async function failingOne(error: unknown, paths: readonly string[], dataset: Dataset): Promise<unknown> {
  for (const path of paths) {
    const told = await toldOfSample(error, { path, name: path }, [take(dataset, FEEDS)]);
    if (told !== error) return told;
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
  return { path, runs: samplesMs.length, p50Ms, p95Ms, minMs: quantile(samplesMs, 0), spread, speedup: base / p50Ms };
}
