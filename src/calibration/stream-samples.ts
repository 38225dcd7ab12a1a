/** Sends the samples of a dataset through the segments of a model. */
import type { Dataset } from "../data/dataset.js";
import { BadDataError } from "../errors.js";
import { type DataType, tensorValue, type Feed, type Model } from "../ir/index.js";
import { loadingWithin } from "../runtime/index.js";
import { modelComputing } from "./augment.js";
import type { StoredBoundary } from "./boundary-file.js";
import type { InnerTensor } from "./expose-subgraph-tensors.js";
import type { CalibrationClient } from "./process.js";
import { modelLabel, type ScratchModels } from "./scratch-models.js";
import type { Segment } from "./segments.js";
import type { SampleProblem } from "./worker-messages.js";

export interface StreamOptions {
  readonly dataset: Dataset;
  /** The model with tensors of bodies as outputs of the main graph: `inner`. */
  readonly model: Model;
  readonly inner: readonly InnerTensor[];
  /** The process in which a round was opened. */
  readonly child: CalibrationClient;
  readonly scratch: ScratchModels;
  /** What the samples start from, instead of the dataset, which is not read then. */
  readonly resume?: StoredBoundary;
}

/**
 * Sends one feed ahead of the one that is running: enough to keep the child busy, with at most two in
 * memory. Returns the number of feeds. Throws BadDataError for values that cannot be measured, and what the
 * runtime throws.
 */
export async function streamSamples(
  options: StreamOptions,
  segments: readonly Segment[],
  progress: (done: number) => void,
): Promise<number> {
  const { child } = options;
  let sent = 0;
  let running: Promise<SampleProblem | undefined> = Promise.resolve(undefined);
  for await (const feed of feedsOf(options)) {
    if (sent === 0 && segments.length > 0) {
      requireUsable(options, await openSegments(options, segments, feed));
    } else {
      const next = child.call("observe", [feed, sent], `running calibration sample ${sent}`);
      // `running` is awaited later; until then a failure must not count as unhandled.
      next.catch(() => undefined);
      requireUsable(options, await running);
      running = next;
    }
    progress(sent++);
  }
  requireUsable(options, await running);
  requireUsable(options, await child.call("settle", []));
  return sent;
}

async function* feedsOf({ dataset, resume }: StreamOptions): AsyncGenerator<Feed> {
  // The child has the values at hand.
  if (resume) for (let left = resume.samples.length; left > 0; left--) yield {};
  else for await (const { feed } of dataset.samples()) yield feed;
}

/** Each segment runs on the first sample before the next one is made: only then its types are known. */
async function openSegments(
  { model, child, scratch, resume }: StreamOptions,
  segments: readonly Segment[],
  feed: Feed,
): Promise<SampleProblem | undefined> {
  await child.call("begin", [feed]);
  const stored = new Map(resume?.samples[0]?.map(({ name, dataType }) => [name, dataType]));
  const own = resume ? withInputs(model, (name) => stored.has(name)) : model;
  for (const { name } of own.graph.inputs) stored.delete(name);
  let types: ReadonlyMap<string, DataType> = stored;
  const isPart = segments.length > 1;
  for (const [k, { computed, keep }] of segments.entries()) {
    const given = [...types].map(([name, type]) => tensorValue(name, type));
    const outputs = [...new Set([...computed, ...keep.filter((name) => !types.has(name))])];
    const modelPath = scratch.write(modelComputing(own, outputs, given));
    await loadingWithin(child, modelPath, modelLabel(model), () =>
      child.call("addSegment", [{ modelPath, outputs, keep, isPart }], "loading the model for calibration"),
    );
    const first = await child.call("advance", [k === segments.length - 1], "running calibration sample 0");
    if (first.problem) return first.problem;
    types = first.types;
  }
  return undefined;
}

/** A session asks for all inputs of its model, also for those that it does not read. */
function withInputs(model: Model, isFed: (name: string) => boolean): Model {
  const inputs = model.graph.inputs.filter(({ name }) => isFed(name));
  return { ...model, graph: { ...model.graph, inputs } };
}

function requireUsable({ dataset, inner }: StreamOptions, problem: SampleProblem | undefined): void {
  if (!problem) return;
  const { reason, sample } = problem;
  const tensor = inner.find(({ output }) => output === problem.tensor)?.tensor ?? problem.tensor;
  const where = `${dataset.name}: sample ${sample}`;
  throw new BadDataError(
    `${where}: tensor "${tensor}" ${reason} when the model runs on it. Remove the sample or correct the model`,
  );
}
