/** Measures tensors of a model over a dataset. */
import type { Dataset } from "../data/dataset.js";
import { SILENT, type Logger } from "../diagnostics.js";
import { BadDataError, EdgecError } from "../errors.js";
import { dataTypeName, DataType, toFloat32, type Feed, type Model, type Tensor } from "../ir/index.js";
import { requestKey, Statistics, type GramRequest, type StatisticRequest } from "../numeric/statistics.js";
import { LimitExceeded } from "../run-limits.js";
import { locate, type Located } from "./augment.js";
import { type BoundaryTarget, type StoredBoundary, storedSamples } from "./boundary-file.js";
import type { Continuation } from "./continuation.js";
import { type ContinuedRound, ContinuedRounds } from "./continued-rounds.js";
import { exactBoundary } from "./exact-boundary.js";
import { FirstSample } from "./infer-shapes-from-sample.js";
import { exposeInner, type InnerTensor } from "./expose-subgraph-tensors.js";
import { liftRequests, type LiftedRequests } from "./subgraph-requests.js";
import { CalibrationProcess, type CalibrationClient } from "./process.js";
import { planRounds, type RoundLimits } from "./memory-batches.js";
import { streamSamples } from "./stream-samples.js";
import { MomentsStore } from "./moments-store.js";
import { modelLabel, ScratchModels } from "./scratch-models.js";
import { planSegments, type Segment } from "./segments.js";
import type { Round } from "./worker.js";

export interface CalibrationOptions {
  readonly model: Model;
  readonly dataset: Dataset;
  readonly requests: readonly StatisticRequest[];
  /** Threads of the runtime; default: all processors. */
  readonly threads?: number;
  readonly logger?: Logger;
  /**
   * Most bytes of one sample's measured activations in memory at once; default 256 MiB. Beyond it the model
   * runs in segments.
   */
  readonly activationBytes?: number;
  /** Most bytes of one Gram matrix (8 d² per group of d features); default 1 GiB. Larger ones are left out. */
  readonly gramBytes?: number;
  /**
   * Most bytes of Gram matrices accumulated at once; default 192 MiB. Beyond it the model runs in rounds, each from
   * the values at the end of the one before it.
   */
  readonly roundBytes?: number;
  /**
   * Most bytes on disk of the values that one round hands to the next; default 4 GiB. Beyond it, the front part of
   * the model runs again.
   */
  readonly boundaryBytes?: number;
  /** Skips the sample run that finds sizes, because the requests are known to be small. */
  readonly inOneRound?: boolean;
  /** The process to run in; default: a new one that ends when done. */
  readonly process?: CalibrationProcess;
  /** Present if others follow that request `later`, on models that differ in what makes the tensors requested now. */
  readonly continued?: { readonly by: Continuation; readonly later: readonly StatisticRequest[] };
}

/** What a measurement on a part of a model starts from, and what it stores for the next one. */
interface Ends {
  readonly resume?: StoredBoundary;
  readonly save?: BoundaryTarget;
  stored?: StoredBoundary | undefined;
}

const MIB = 2 ** 20;
const DEFAULT_ACTIVATION_BYTES = 256 * MIB;
const DEFAULT_BOUNDARY_BYTES = 4096 * MIB;
const FLOATING: readonly number[] = [DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE];

/**
 * Measures the `requests`. The model runs in a child process with the requested tensors as outputs, and only
 * statistics come back. Requests that do not fit in memory together are measured in rounds, each on the part of
 * the model behind the part of the round before it.
 *
 * A request is absent from the result if the model has no such tensor in that scope, it is not floating
 * point, or its shape does not suit the request; also for a body that never runs or cannot be reached (see
 * expose-subgraph-tensors.ts). Ranges (of channels too) and histograms leave out infinities. Throws
 * BadDataError for a tensor that holds NaN (or, for moments and Gram matrices, infinities), with the index of
 * the sample; EdgecError RUNTIME_CRASHED when the child process dies.
 */
export async function calibrate(options: CalibrationOptions): Promise<Statistics> {
  const { model, requests, continued, boundaryBytes: mostBytes = DEFAULT_BOUNDARY_BYTES } = options;
  if (!continued) return calibratePart(options, {});
  const { by, later } = continued;
  const [now, then] = [requests, later].map((list) => list.map(({ tensor }) => tensor)) as [
    string[],
    string[],
  ];
  const rest = by.rest(model, [...now, ...then]);
  const names = exactBoundary((rest?.model ?? model).graph, now, then);
  const save = names && { path: await by.path(), names, mostBytes };
  const ends: Ends = { ...(rest ? { resume: rest.resume } : {}), ...(save ? { save } : {}) };
  try {
    const statistics = await calibratePart({ ...options, model: rest?.model ?? model }, ends);
    if (ends.stored && save) by.keep(model, save.names, ends.stored);
    return statistics;
  } catch (error) {
    if (!(rest ?? save) || !(error instanceof EdgecError) || error.code !== "MODEL_REJECTED") throw error;
    by.drop();
    return calibratePart(options, {});
  }
}

async function calibratePart(options: CalibrationOptions, ends: Ends): Promise<Statistics> {
  const statistics = new Statistics();
  const lifted = liftRequests(options.model, [
    ...new Map(options.requests.map((request) => [requestKey(request), request])).values(),
  ]);
  const located = locate(
    options.model.graph,
    lifted.requests.map((request) => request.tensor),
  );
  if (lifted.inner.length + located.computed.length + located.inputs.length + located.constants.length === 0)
    return statistics;
  const scratch = await ScratchModels.create();
  try {
    await withProcess(options.process, async (child) =>
      new Calibration(options, ends, lifted, located, child, scratch, statistics).run(),
    );
  } catch (error) {
    throw scratch.unnamed(error, modelLabel(options.model));
  } finally {
    await scratch.remove();
  }
  return statistics;
}

/**
 * Runs in the given process, which is kept, or in a new one. After a failure the process ends, because
 * something may still be running in it.
 */
async function withProcess(
  given: CalibrationProcess | undefined,
  use: (child: CalibrationClient) => Promise<void>,
): Promise<void> {
  const process = given ?? new CalibrationProcess();
  let isDone = false;
  try {
    await use(await process.client());
    isDone = true;
  } finally {
    await (given && isDone ? process.rest() : process.close());
  }
}

interface PlannedRound {
  readonly index: number;
  readonly requests: readonly StatisticRequest[];
  /** The number of samples to come; 0 where nothing depends on it. */
  readonly samples: number;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

function elements(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

class Calibration {
  private readonly moments: MomentsStore;
  private readonly logger: Logger;
  private readonly requests: readonly StatisticRequest[];
  private inner: readonly InnerTensor[];
  private continued: ContinuedRounds | undefined;

  constructor(
    private readonly options: CalibrationOptions,
    private readonly ends: Ends,
    private readonly lifted: LiftedRequests,
    private readonly located: Located,
    private readonly child: CalibrationClient,
    private readonly scratch: ScratchModels,
    private readonly statistics: Statistics,
  ) {
    this.logger = options.logger ?? SILENT;
    this.requests = lifted.requests;
    this.inner = lifted.inner;
    this.moments = new MomentsStore(child, statistics);
  }

  async run(): Promise<void> {
    this.progress(0, 0);
    await this.measureConstants();
    const { computed, inputs } = this.located;
    if (this.inner.length + computed.length + inputs.length === 0) return;
    const inOneRound = this.options.inOneRound === true && this.inner.length === 0;
    const shapes = inOneRound
      ? new Map([...computed, ...inputs].map((name) => [name, [] as readonly number[]]))
      : await this.shapes();
    const { rounds, tooLarge } = planRounds(this.requests, shapes, this.limits());
    for (const each of tooLarge) this.tellTooLarge(each);
    const samples = rounds.length === 0 ? 0 : await this.sampleCount();
    // Bodies are exposed for each round anew, which changes the nodes around them.
    if (rounds.length > 1 && this.lifted.inner.length === 0) this.continued = this.continue(rounds, shapes);
    for (const [index, planned] of rounds.entries()) {
      const requests = this.inner.length > 0 ? planned : this.direct(planned);
      if (requests.length > 0)
        await this.measureRound({ index, requests, samples, shapes }, (done) =>
          this.progress(Math.floor((index * samples + done) / rounds.length), samples),
        );
    }
  }

  private continue(
    rounds: readonly (readonly StatisticRequest[])[],
    shapes: PlannedRound["shapes"],
  ): ContinuedRounds {
    const { model, activationBytes = DEFAULT_ACTIVATION_BYTES } = this.options;
    const { boundaryBytes = DEFAULT_BOUNDARY_BYTES } = this.options;
    const bytes = this.bytesOf(rounds.flat(), shapes);
    return new ContinuedRounds(model.graph, bytes, rounds, { activationBytes, boundaryBytes }, this.scratch);
  }

  private tellTooLarge({ request, bytes }: { readonly request: GramRequest; readonly bytes: number }): void {
    this.logger.diagnostic?.({
      id: "calibration-gram-too-large",
      severity: "warning",
      subject: request.tensor,
      message:
        `the second-moment matrix of tensor "${request.tensor}" needs ` +
        `${Math.ceil(bytes / MIB)} MiB, more than the limit, so it is not measured`,
    });
  }

  private async measureRound(round: PlannedRound, progress: (done: number) => void): Promise<void> {
    const { requests } = round;
    try {
      const { activationBytes } = this.options;
      const sent = await this.runRound(round, activationBytes ?? DEFAULT_ACTIVATION_BYTES, progress);
      await this.collect(requests);
      // Reported only now, because Gram matrices take a while to transfer.
      progress(sent);
    } catch (error) {
      const others = this.direct(requests);
      if (others.length === requests.length) throw error;
      this.giveUpBodies(error);
      await this.child.call("settle", []).catch(() => undefined);
      await this.child.call("closeRound", []);
      if (others.length > 0) await this.measureRound({ ...round, requests: others }, progress);
    }
  }

  /** Returns the number of samples. */
  private async runRound(
    round: PlannedRound,
    mostBytes: number,
    progress: (done: number) => void,
  ): Promise<number> {
    const model = this.measuredModel(round.requests);
    const continued = this.continued?.round(round.index);
    const { segments, ...ends } = continued ?? this.onlyRound(round, model, mostBytes);
    await this.child.call("openRound", [{ ...this.round(round), ...ends }]);
    try {
      const sent = await streamSamples(
        { ...this.options, ...ends, model, child: this.child, scratch: this.scratch, inner: this.inner },
        segments,
        progress,
      );
      await this.continued?.advance(this.child);
      if (ends.save === this.ends.save) this.ends.stored = await this.child.call("takeBoundary", []);
      return sent;
    } catch (error) {
      const isRefused = error instanceof EdgecError && error.code === "MODEL_REJECTED";
      if ((!continued && segments.length < 2) || !isRefused || error instanceof LimitExceeded) throw error;
      // The runtime may be unable to hand over what lies at a cut.
      await this.child.call("settle", []).catch(() => undefined);
      await this.child.call("closeRound", []);
      this.continued?.drop();
      this.continued = undefined;
      return this.runRound(round, continued ? mostBytes : Infinity, progress);
    }
  }

  private onlyRound(round: PlannedRound, model: Model, mostBytes: number): ContinuedRound {
    const segments = this.segments(round, model, mostBytes);
    const { resume, save } = this.ends;
    const start = resume ? { resume } : {};
    const [whole] = segments;
    if (!save || !whole || segments.length > 1) return { segments, ...start };
    const inputs = new Set(model.graph.inputs.map(({ name }) => name));
    const keep = save.names.filter((name) => !inputs.has(name));
    return {
      segments: [
        { computed: [], keep },
        { ...whole, keep },
      ],
      ...start,
      save,
    };
  }

  private segments(round: PlannedRound, { graph }: Model, mostBytes: number): Segment[] {
    const bytes = this.bytesOf(round.requests, round.shapes);
    if (bytes.size === 0) return [];
    if ([...bytes.values()].reduce((sum, own) => sum + own, 0) <= mostBytes)
      return [{ computed: [...bytes.keys()], keep: [] }];
    return planSegments(graph, bytes, mostBytes);
  }

  /** Of the measured tensors that nodes make, in one sample. */
  private bytesOf(
    requests: readonly StatisticRequest[],
    shapes: PlannedRound["shapes"],
  ): Map<string, number> {
    const tensors = new Set(requests.map((request) => request.tensor));
    const names = [...this.located.computed, ...this.inner.map(({ output }) => output)];
    return new Map(
      names.filter((name) => tensors.has(name)).map((name) => [name, 4 * elements(shapes.get(name) ?? [])]),
    );
  }

  /** The model, with the values of bodies that are asked for as outputs. */
  private measuredModel(requests: readonly StatisticRequest[]): Model {
    const tensors = new Set(requests.map((request) => request.tensor));
    const inner = this.inner.filter(({ output }) => tensors.has(output));
    return exposeInner(this.options.model, inner, "values");
  }

  /** Requests for the main graph. */
  private direct(requests: readonly StatisticRequest[]): StatisticRequest[] {
    return requests.filter((request) => this.lifted.original(request) === request);
  }

  /**
   * Bodies are measured on a changed model, which the runtime may refuse although it runs the original.
   * Throws errors with another cause.
   */
  private giveUpBodies(error: unknown): void {
    const hasEnded =
      error instanceof LimitExceeded || (error instanceof EdgecError && error.code === "RUNTIME_CRASHED");
    if (error instanceof BadDataError || hasEnded) throw error;
    this.inner = [];
    this.logger.diagnostic?.({
      id: "calibration-bodies-not-measured",
      severity: "warning",
      message: `tensors in the bodies of If, Loop and Scan were not measured: ${(error as Error).message}`,
    });
  }

  private limits(): RoundLimits {
    const { gramBytes = 1024 * MIB, roundBytes = 192 * MIB } = this.options;
    return { gramBytes, roundBytes, samples: this.options.dataset.size };
  }

  /** Shapes in the first sample. They also decide how lifted tensors are thinned out. */
  private async shapes(): Promise<Map<string, readonly number[]>> {
    const { model } = this.options;
    const dataset = this.ends.resume
      ? storedSamples(this.options.dataset, this.ends.resume)
      : this.options.dataset;
    const first = await FirstSample.read(model, dataset, this.child, this.scratch);
    const shapes = await first.shapes(this.located, this.inner).catch((error: unknown) => {
      if (this.inner.length === 0) throw error;
      this.giveUpBodies(error);
      return first.shapes(this.located, []);
    });
    const most = (this.options.activationBytes ?? DEFAULT_ACTIVATION_BYTES) / 4;
    this.inner = this.inner.map((tensor) => ({
      ...tensor,
      step: stepFor(shapes.get(tensor.output)?.[0] ?? 0, most),
    }));
    return shapes;
  }

  /**
   * Gram rows are spread over all samples, so their number must be known; a stream is read once to count
   * them.
   */
  private async sampleCount(): Promise<number> {
    const { dataset } = this.options;
    if (dataset.size !== undefined) return dataset.size;
    let count = 0;
    if (this.requests.some((request) => request.kind === "gram"))
      for await (const sample of dataset.samples()) count += sample ? 1 : 0;
    return count;
  }

  private round({ requests, samples, shapes }: PlannedRound): Round {
    const tensors = new Set(requests.map((request) => request.tensor));
    const all = [...tensors].reduce((sum, name) => sum + elements(shapes.get(name) ?? []), 0);
    const label = modelLabel(this.options.model);
    return { label, requests, samples, elements: all, threads: this.options.threads };
  }

  private progress(done: number, total: number): void {
    this.logger.progress?.({ step: "calibrate", done, ...(total > 0 ? { total } : {}) });
  }

  private async collect(requests: readonly StatisticRequest[]): Promise<void> {
    for (const request of requests) {
      if (request.kind === "gram") await this.moments.take(request, this.lifted.original(request));
      else {
        const statistic = await this.child.call("takeStatistic", [request]);
        if (statistic) this.statistics.set<StatisticRequest>(this.lifted.original(request), statistic);
      }
    }
    await this.child.call("closeRound", []);
  }

  /** Constants are measured once, whatever the number of samples. */
  private async measureConstants(): Promise<void> {
    const constants = this.located.constants.filter((tensor) => FLOATING.includes(tensor.dataType));
    const names = new Set(constants.map((tensor) => tensor.name ?? ""));
    const requests = this.requests.filter((request) => names.has(request.tensor));
    if (requests.length === 0) return;
    const { model, threads } = this.options;
    const round = { label: modelLabel(model), requests, samples: 1, elements: 0, threads };
    await this.child.call("openRound", [round]);
    for (const tensor of constants) {
      const problem = await this.child.call("observe", [{ [tensor.name ?? ""]: constantValue(tensor) }, 0]);
      if (problem)
        throw new BadDataError(
          `constant "${problem.tensor}" (${dataTypeName(tensor.dataType)}) of the model ${problem.reason}`,
        );
    }
    await this.collect(requests);
  }
}

/**
 * The step that leaves about `most` of `count` values: an odd number, since the rows of images often have
 * even lengths.
 */
function stepFor(count: number, most: number): number {
  return count <= most ? 1 : Math.ceil(count / most) | 1;
}

function constantValue(tensor: Tensor): Feed[string] {
  return { dataType: DataType.FLOAT, dims: tensor.dims, data: toFloat32(tensor) };
}
