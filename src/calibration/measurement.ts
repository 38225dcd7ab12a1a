/** Measures requests on a part of a model, in rounds that fit in memory. */
import { SILENT, type Logger } from "../diagnostics.js";
import { BadDataError, EdgecError } from "../errors.js";
import { dataTypeName, DataType, toFloat32, type Feed, type Model, type Tensor } from "../ir/index.js";
import type { GramRequest, StatisticRequest, Statistics } from "../numeric/statistics.js";
import { LimitExceeded } from "../run-limits.js";
import type { Located } from "./augment.js";
import { storedSamples } from "./boundary-file.js";
import { type CalibrationOptions, DEFAULTS } from "./calibration-options.js";
import { ContinuedRounds } from "./continued-rounds.js";
import { exposeInner, type InnerTensor } from "./expose-subgraph-tensors.js";
import { FirstSample } from "./infer-shapes-from-sample.js";
import { planRounds, type RoundLimits } from "./memory-batches.js";
import { MomentsStore } from "./moments-store.js";
import type { CalibrationClient } from "./process.js";
import { type Cut, type Ends, type RoundCourse, WholeRounds } from "./round-course.js";
import { modelLabel, type ScratchModels } from "./scratch-models.js";
import { planSegments, type Segment } from "./segments.js";
import { streamSamples } from "./stream-samples.js";
import type { LiftedRequests } from "./subgraph-requests.js";
import type { Round } from "./worker-messages.js";

const FLOATING: readonly number[] = [DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE];

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

/** One measurement, in a process that is open. */
export class Measurement {
  private readonly moments: MomentsStore;
  private readonly logger: Logger;
  private readonly requests: readonly StatisticRequest[];
  private inner: readonly InnerTensor[];
  private course: RoundCourse;

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
    this.course = new WholeRounds(options.model.graph, ends, this.activationBytes);
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
    if (rounds.length > 1 && this.lifted.inner.length === 0) this.course = this.continued(rounds, shapes);
    for (const [index, planned] of rounds.entries()) {
      const requests = this.inner.length > 0 ? planned : this.direct(planned);
      if (requests.length > 0)
        await this.measureRound({ index, requests, samples, shapes }, (done) =>
          this.progress(Math.floor((index * samples + done) / rounds.length), samples),
        );
    }
  }

  private get activationBytes(): number {
    return this.options.activationBytes ?? DEFAULTS.activationBytes;
  }

  private continued(
    rounds: readonly (readonly StatisticRequest[])[],
    shapes: PlannedRound["shapes"],
  ): RoundCourse {
    const { model, boundaryBytes = DEFAULTS.boundaryBytes } = this.options;
    const { activationBytes, course, scratch } = this;
    const bytes = this.bytesOf(rounds.flat(), shapes);
    const limits = { activationBytes, boundaryBytes };
    return new ContinuedRounds(model.graph, bytes, rounds, limits, scratch, course, this.ends.resume);
  }

  private tellTooLarge({ request, bytes }: { readonly request: GramRequest; readonly bytes: number }): void {
    this.logger.diagnostic?.({
      id: "calibration-gram-too-large",
      severity: "warning",
      subject: request.tensor,
      message:
        `the second-moment matrix of tensor "${request.tensor}" needs ` +
        `${Math.ceil(bytes / 2 ** 20)} MiB, more than the limit, so it is not measured`,
    });
  }

  private async measureRound(round: PlannedRound, progress: (done: number) => void): Promise<void> {
    const { requests } = round;
    try {
      const sent = await this.runRound(round, progress);
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
  private async runRound(round: PlannedRound, progress: (done: number) => void): Promise<number> {
    const model = this.measuredModel(round.requests);
    const cut: Cut = (mostBytes) => this.segments(round, model, mostBytes);
    const { segments, ...ends } = this.course.round(round.index, cut);
    await this.child.call("openRound", [{ ...this.round(round), ...ends }]);
    try {
      const sent = await streamSamples(
        { ...this.options, ...ends, model, child: this.child, scratch: this.scratch, inner: this.inner },
        segments,
        progress,
      );
      await this.course.advance(this.child);
      return sent;
    } catch (error) {
      const isRefused = error instanceof EdgecError && error.code === "MODEL_REJECTED";
      if (!isRefused || error instanceof LimitExceeded) throw error;
      await this.child.call("settle", []).catch(() => undefined);
      await this.child.call("closeRound", []);
      const other = this.course.otherwise();
      if (!other) throw error;
      this.course = other;
      return this.runRound(round, progress);
    }
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
    const { gramBytes = DEFAULTS.gramBytes, roundBytes = DEFAULTS.roundBytes } = this.options;
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
    const most = this.activationBytes / 4;
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
