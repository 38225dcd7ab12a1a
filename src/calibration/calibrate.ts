/** Measuring tensors of a model over a dataset. */
import type { Dataset } from "../data/dataset.js";
import { SILENT, type Logger } from "../diagnostics.js";
import { BadDataError, EdgecError } from "../errors.js";
import { dataTypeName, DataType, toFloat32, type Feed, type Model, type Tensor } from "../ir/index.js";
import { requestKey, Statistics, type StatisticRequest } from "../numeric/statistics.js";
import { locate, modelComputing, type Located } from "./augment.js";
import { FirstSample } from "./first-sample.js";
import { exposeInner, type InnerTensor } from "./inner-tensors.js";
import { liftRequests, type LiftedRequests } from "./lifted-requests.js";
import { CalibrationProcess, type CalibrationClient } from "./process.js";
import { planRounds, type RoundLimits } from "./rounds.js";
import { modelLabel, ScratchModels } from "./scratch-models.js";
import type { Round, SampleProblem } from "./worker.js";

export interface CalibrationOptions {
  readonly model: Model;
  readonly dataset: Dataset;
  readonly requests: readonly StatisticRequest[];
  /** Threads of the runtime; default: all processors. */
  readonly threads?: number;
  readonly logger?: Logger;
  /** Bytes of one sample's activations that may be alive at once; default 256 MiB. More needs fewer passes over the data. */
  readonly activationBytes?: number;
  /** Bytes of Gram matrices (8 d² per group of d features) accumulated at once; default 1 GiB. A larger one is left out. */
  readonly gramBytes?: number;
  /** What is asked for is known to be small, so that no sample has to run to find out how large it is. */
  readonly inOneRound?: boolean;
  /** Where to run; default: a process that is started for this and ends with it. */
  readonly process?: CalibrationProcess;
}

const MIB = 2 ** 20;
const FLOATING: readonly number[] = [DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE];

/**
 * Measures what `requests` ask for. The model runs in a child process with the requested tensors as outputs; only
 * statistics come back. Requests that do not fit in memory together are taken in rounds, one pass over the data each.
 *
 * A request stays unanswered (absent from the result) when the model has no such tensor in that scope, when it is not
 * floating point, when its shape does not suit the request, or for a body that never runs or is out of reach (see
 * inner-tensors.ts). Infinities are left out of ranges (of channels too) and histograms.
 * Throws BadDataError for a tensor that holds NaN (or, for moments and Gram matrices, infinities), with the sample's
 * index; EdgecError RUNTIME_CRASHED when the child process dies.
 */
export async function calibrate(options: CalibrationOptions): Promise<Statistics> {
  const statistics = new Statistics();
  const lifted = liftRequests(options.model, [...new Map(options.requests.map((request) => [requestKey(request), request])).values()]);
  const located = locate(options.model.graph, lifted.requests.map((request) => request.tensor));
  if (lifted.inner.length + located.computed.length + located.inputs.length + located.constants.length === 0) return statistics;
  const scratch = await ScratchModels.create();
  try {
    await withProcess(options.process, async (child) => new Calibration(options, lifted, located, child, scratch, statistics).run());
  } catch (error) {
    throw scratch.unnamed(error, modelLabel(options.model));
  } finally {
    await scratch.remove();
  }
  return statistics;
}

/** In the process given, which is left at rest, or in one of its own. A failure may have left something under way: the process ends then. */
async function withProcess(given: CalibrationProcess | undefined, use: (child: CalibrationClient) => Promise<void>): Promise<void> {
  const process = given ?? new CalibrationProcess();
  let isDone = false;
  try {
    await use(await process.client());
    isDone = true;
  } finally {
    await (given && isDone ? process.rest() : process.close());
  }
}

class Calibration {
  private readonly logger: Logger;
  private readonly requests: readonly StatisticRequest[];
  private inner: readonly InnerTensor[];

  constructor(
    private readonly options: CalibrationOptions,
    private readonly lifted: LiftedRequests,
    private readonly located: Located,
    private readonly child: CalibrationClient,
    private readonly scratch: ScratchModels,
    private readonly statistics: Statistics,
  ) {
    this.logger = options.logger ?? SILENT;
    this.requests = lifted.requests;
    this.inner = lifted.inner;
  }

  async run(): Promise<void> {
    this.progress(0, 0);
    await this.measureConstants();
    const { computed, inputs } = this.located;
    if (this.inner.length + computed.length + inputs.length === 0) return;
    const inOneRound = this.options.inOneRound === true && this.inner.length === 0;
    const shapes = inOneRound ? new Map([...computed, ...inputs].map((name) => [name, [] as readonly number[]])) : await this.shapes();
    const { rounds, tooLarge } = planRounds(this.requests, shapes, this.limits());
    for (const { request, bytes } of tooLarge) {
      this.logger.diagnostic?.({
        id: "calibration-gram-too-large", severity: "warning", subject: request.tensor,
        message: `the second-moment matrix of tensor "${request.tensor}" would take ${Math.ceil(bytes / MIB)} MiB and is not measured`,
      });
    }
    const samples = rounds.length === 0 ? 0 : await this.sampleCount();
    for (const [index, planned] of rounds.entries()) {
      const requests = this.inner.length > 0 ? planned : this.direct(planned);
      if (requests.length > 0) await this.measureRound(requests, samples, shapes, (done) => this.progress(index * samples + done, samples * rounds.length));
    }
  }

  private async measureRound(
    requests: readonly StatisticRequest[], samples: number, shapes: ReadonlyMap<string, readonly number[]>, progress: (done: number) => void,
  ): Promise<void> {
    try {
      await this.child.call("openRound", [this.round(requests, samples, shapes)], "loading the model for calibration");
      const sent = await this.stream(progress);
      await this.collect(requests);
      // All samples are done only now: Gram matrices take a while to come over.
      progress(sent);
    } catch (error) {
      const others = this.direct(requests);
      if (others.length === requests.length) throw error;
      this.giveUpBodies(error);
      await this.child.call("settle", []).catch(() => undefined);
      await this.child.call("closeRound", []);
      if (others.length > 0) await this.measureRound(others, samples, shapes, progress);
    }
  }

  /** Those that were made for the main graph. */
  private direct(requests: readonly StatisticRequest[]): StatisticRequest[] {
    return requests.filter((request) => this.lifted.original(request) === request);
  }

  /**
   * Bodies are measured on a model that was changed for it, so that the runtime may refuse it and yet run the model.
   * Throws what cannot come from that.
   */
  private giveUpBodies(error: unknown): void {
    if (error instanceof BadDataError || (error instanceof EdgecError && error.code === "RUNTIME_CRASHED")) throw error;
    this.inner = [];
    this.logger.diagnostic?.({
      id: "calibration-bodies-not-measured", severity: "warning",
      message: `tensors in the bodies of If, Loop and Scan could not be measured: ${(error as Error).message}`,
    });
  }

  private limits(): RoundLimits {
    return { activationBytes: this.options.activationBytes ?? 256 * MIB, gramBytes: this.options.gramBytes ?? 1024 * MIB };
  }

  /** Of the first sample. Fixes how lifted tensors are thinned out. */
  private async shapes(): Promise<Map<string, readonly number[]>> {
    const { model, dataset } = this.options;
    const first = await FirstSample.take(model, dataset, this.child, this.scratch);
    const shapes = await first.shapes(this.located, this.inner).catch((error: unknown) => {
      if (this.inner.length === 0) throw error;
      this.giveUpBodies(error);
      return first.shapes(this.located, []);
    });
    const most = this.limits().activationBytes / 4;
    this.inner = this.inner.map((tensor) => ({ ...tensor, step: stepFor(shapes.get(tensor.output)?.[0] ?? 0, most) }));
    return shapes;
  }

  /** Gram rows are spread over all samples, so their number must be known; a stream is read once to count it. */
  private async sampleCount(): Promise<number> {
    const { dataset } = this.options;
    if (dataset.size !== undefined) return dataset.size;
    let count = 0;
    if (this.requests.some((request) => request.kind === "gram")) for await (const sample of dataset.samples()) count += sample ? 1 : 0;
    return count;
  }

  private round(requests: readonly StatisticRequest[], samples: number, shapes: ReadonlyMap<string, readonly number[]>): Round {
    const tensors = new Set(requests.map((request) => request.tensor));
    const inner = this.inner.filter(({ output }) => tensors.has(output));
    const computed = [...this.located.computed.filter((name) => tensors.has(name)), ...inner.map(({ output }) => output)];
    const modelPath = computed.length === 0 ? undefined
      : this.scratch.write(modelComputing(exposeInner(this.options.model, inner, "values"), computed));
    const elements = [...tensors].reduce((sum, name) => sum + (shapes.get(name) ?? []).reduce((product, dim) => product * dim, 1), 0);
    const label = modelLabel(this.options.model);
    return { modelPath, label, computed, requests, samples, elements, threads: this.options.threads };
  }

  /** Sends one feed ahead of the one that runs: enough to keep the child busy, and never more than two in memory. Returns how many. */
  private async stream(progress: (done: number) => void): Promise<number> {
    let sent = 0;
    let running: Promise<SampleProblem | undefined> = Promise.resolve(undefined);
    for await (const { feed } of this.options.dataset.samples()) {
      const next = this.child.call("observe", [feed, sent], `running calibration sample ${sent}`);
      // A failure is met when `running` is awaited; until then it must not count as unhandled.
      next.catch(() => undefined);
      this.requireUsable(await running);
      running = next;
      progress(sent++);
    }
    this.requireUsable(await running);
    this.requireUsable(await this.child.call("settle", []));
    return sent;
  }

  private requireUsable(problem: SampleProblem | undefined): void {
    if (!problem) return;
    const { reason, sample } = problem;
    const tensor = this.inner.find(({ output }) => output === problem.tensor)?.tensor ?? problem.tensor;
    const where = `${this.options.dataset.name}: sample ${sample}`;
    throw new BadDataError(`${where}: tensor "${tensor}" ${reason} when the model runs on it; drop the sample or mend the model`);
  }

  private progress(done: number, total: number): void {
    this.logger.progress?.({ step: "calibrate", done, ...(total > 0 ? { total } : {}) });
  }

  private async collect(requests: readonly StatisticRequest[]): Promise<void> {
    for (const request of requests) {
      const statistic = await this.child.call("take", [request]);
      if (statistic) this.statistics.set(this.lifted.original(request), statistic);
    }
    await this.child.call("closeRound", []);
  }

  /** Constants are taken once, whatever the number of samples. */
  private async measureConstants(): Promise<void> {
    const constants = this.located.constants.filter((tensor) => FLOATING.includes(tensor.dataType));
    const names = new Set(constants.map((tensor) => tensor.name ?? ""));
    const requests = this.requests.filter((request) => names.has(request.tensor));
    if (requests.length === 0) return;
    const { model, threads } = this.options;
    const round = { modelPath: undefined, label: modelLabel(model), computed: [], requests, samples: 1, elements: 0, threads };
    await this.child.call("openRound", [round]);
    for (const tensor of constants) {
      const problem = await this.child.call("observe", [{ [tensor.name ?? ""]: constantValue(tensor) }, 0]);
      if (problem) throw new BadDataError(`constant "${problem.tensor}" (${dataTypeName(tensor.dataType)}) of the model ${problem.reason}`);
    }
    await this.collect(requests);
  }
}

/** Every how many of `count` values to take so that about `most` remain: an odd number, as the rows of images are often even. */
function stepFor(count: number, most: number): number {
  return count <= most ? 1 : Math.ceil(count / most) | 1;
}

function constantValue(tensor: Tensor): Feed[string] {
  return { dataType: DataType.FLOAT, dims: tensor.dims, data: toFloat32(tensor) };
}
