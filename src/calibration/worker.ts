/** The part of calibration that runs beside the session in the child process, so that activations never leave it. */
import { availableParallelism } from "node:os";
import type { Feed } from "../ir/index.js";
import type { StatisticRequest } from "../numeric/statistics.js";
import { type OnnxRuntime, type Session, YIELDING } from "../runtime/runtime.js";
import { openExact } from "./exact-session.js";
import { gramProduct } from "./gram-product.js";
import { Reducer, type Problem, type Statistic } from "./reducer.js";
import { ReducingPool } from "./reducing-pool.js";

/** One pass of the dataset. */
export interface Round {
  /** The model whose outputs are `computed`, or undefined when only inputs or constants are asked for. */
  readonly modelPath: string | undefined;
  /** What messages call the model. */
  readonly label: string;
  readonly computed: readonly string[];
  readonly requests: readonly StatisticRequest[];
  /** How many samples will come. */
  readonly samples: number;
  /** Elements of one sample's requested tensors, about: whether threads are worth their start. */
  readonly elements: number;
  /** Threads in all; undefined: one for each processor. */
  readonly threads: number | undefined;
}

export interface SampleProblem extends Problem {
  /** Index of the sample. */
  readonly sample: number;
}

const THREADS_FROM = 2 ** 19;

/** What a round holds while it runs. */
interface Running {
  readonly round: Round;
  readonly session: Session | undefined;
  readonly gram: ReturnType<typeof gramProduct>;
  /** Reduces here: Gram requests, and all of a small round. */
  readonly own: Reducer;
  readonly pool: ReducingPool | undefined;
}

export class CalibrationWorker {
  private running: Running | undefined;
  /** Samples may be sent ahead; they run one after the other. */
  private turn: Promise<unknown> = Promise.resolve();
  /** What the pool makes of the sample before, while the next one runs. */
  private reducing: Promise<SampleProblem | undefined> = Promise.resolve(undefined);

  constructor(private readonly runtime: OnnxRuntime) {}

  /** Runs a model whose outputs are shapes and returns them in the order of `outputs`. */
  async shapes(modelPath: string, label: string, feed: Feed, outputs: readonly string[]): Promise<number[][]> {
    const session = await openExact(this.runtime, modelPath, { label });
    try {
      const found = await session.run(feed, outputs);
      return outputs.map((name) => Array.from(found[name]?.data as BigInt64Array, Number));
    } finally {
      await session.release();
    }
  }

  async open(round: Round): Promise<void> {
    const grams = round.requests.filter((request) => request.kind === "gram");
    const others = round.requests.filter((request) => request.kind !== "gram");
    const threads = Math.max(1, round.threads ?? availableParallelism());
    // One thread runs the model about as fast as one reduces what comes out of it.
    const reducing = others.length > 0 && threads > 1 && round.elements >= THREADS_FROM ? Math.min(4, Math.floor(threads / 2)) : 0;
    const gram = gramProduct(this.runtime, threads);
    const session = round.modelPath === undefined ? undefined
      : await openExact(this.runtime, round.modelPath, {
        threads: threads - reducing, config: YIELDING, label: round.label,
      });
    const own = new Reducer(reducing > 0 ? grams : round.requests, round.samples, gram.product);
    this.running = { round, session, gram, own, pool: reducing > 0 ? new ReducingPool(others, reducing) : undefined };
  }

  /**
   * Runs one sample and takes in what it gives. Returns the first tensor whose values cannot be used, of this sample or
   * (when threads reduce) the one before it.
   */
  observe(feed: Feed, sample: number): Promise<SampleProblem | undefined> {
    const observed = this.turn.then(() => this.observeNext(feed, sample));
    this.turn = observed.catch(() => undefined);
    return observed;
  }

  /** Waits until everything sent is reduced. */
  async settle(): Promise<SampleProblem | undefined> {
    await this.turn;
    return this.reducing;
  }

  /** The answer to one request of the round; its memory is given back. */
  async take(request: StatisticRequest): Promise<Statistic | undefined> {
    const { own, pool } = this.requireRound();
    return pool && request.kind !== "gram" ? pool.take(request) : own.take(request);
  }

  async close(): Promise<void> {
    await this.running?.pool?.close();
    await this.running?.session?.release();
    await this.running?.gram.release();
    this.running = undefined;
    this.reducing = Promise.resolve(undefined);
  }

  private async observeNext(feed: Feed, sample: number): Promise<SampleProblem | undefined> {
    const { session, round, own, pool } = this.requireRound();
    const values = { ...feed, ...(await session?.run(feed, round.computed)) };
    const problem = await own.observe(values);
    const earlier = await this.reducing;
    if (earlier) return earlier;
    if (problem) return { ...problem, sample };
    if (pool) this.reducing = pool.reduce(values).then((found) => found && { ...found, sample });
    // A failure is met when the next sample, or the end, awaits it.
    this.reducing.catch(() => undefined);
    return undefined;
  }

  private requireRound(): Running {
    if (!this.running) throw new Error("a round must be opened first");
    return this.running;
  }
}
