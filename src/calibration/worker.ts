/**
 * The part of calibration that runs beside the session in the child process, so that activations never leave
 * it.
 */
import { availableParallelism } from "node:os";
import type { Feed } from "../ir/index.js";
import type { GramRequest, MeasuredGram, ScalarRequest, StoredGram } from "../numeric/statistics.js";
import { type OnnxRuntime, type Session, YIELDING, LEVELS, type SessionOptions } from "../runtime/runtime.js";
import { BoundaryReader, BoundaryWriter, type StoredBoundary } from "./boundary-file.js";
import { UsedMemory } from "./collect-garbage.js";
import { gramProduct } from "./gram-product.js";
import { gramBytesOf, writeGram } from "./moments-file.js";
import { Reducer, type Statistic } from "./reducer.js";
import { ReducingPool } from "./reducing-pool.js";
import type { Advance, Round, SampleProblem, SegmentModel } from "./worker-messages.js";
import { AdaptiveSession } from "../runtime/adaptive-session.js";

const THREADS_FROM = 2 ** 19;

/** The state of a running round. */
interface Running {
  readonly round: Round;
  readonly segments: { readonly segment: SegmentModel; readonly session: Session }[];
  /** Of the runtime in each segment. */
  readonly threads: number;
  readonly gram: ReturnType<typeof gramProduct>;
  /** Reduces in this thread: Gram requests, and all requests of a small round. */
  readonly own: Reducer;
  readonly pool: ReducingPool | undefined;
  readonly reader: BoundaryReader | undefined;
  readonly writer: BoundaryWriter | undefined;
}

export class CalibrationWorker {
  private running: Running | undefined;
  private ofShapes: Session | undefined;
  private large: MeasuredGram | undefined;
  /** Samples may be sent ahead; they run in order. */
  private turn: Promise<unknown> = Promise.resolve();
  /** The first sample, with what the segments so far have made of it for later ones. */
  private first: { readonly feed: Feed; readonly kept: Feed } = { feed: {}, kept: {} };
  private readonly used = new UsedMemory();
  /** The pool's result for the previous values, while the next segment or sample runs. */
  private reducing: Promise<SampleProblem | undefined> = Promise.resolve(undefined);

  constructor(private readonly runtime: OnnxRuntime) {}

  /** Loads a model whose outputs are shapes. */
  async openShapes(modelPath: string, label: string): Promise<void> {
    this.ofShapes = await openExact(this.runtime, modelPath, { label });
  }

  /** Runs it once and returns the shapes in the order of `outputs`. */
  async shapes(feed: Feed, outputs: readonly string[]): Promise<number[][]> {
    const session = this.ofShapes;
    if (!session) throw new Error("the model of shapes must be opened first");
    this.ofShapes = undefined;
    try {
      const found = await session.run(feed, outputs);
      return outputs.map((name) => Array.from(found[name]?.data as BigInt64Array, Number));
    } finally {
      await session.release();
    }
  }

  open(round: Round): Promise<void> {
    const grams = round.requests.filter((request) => request.kind === "gram");
    const others = round.requests.filter((request) => request.kind !== "gram");
    const threads = Math.max(1, round.threads ?? availableParallelism());
    // One thread runs the model about as fast as one thread reduces its outputs.
    const reducing =
      others.length > 0 && threads > 1 && round.elements >= THREADS_FROM
        ? Math.min(4, Math.floor(threads / 2))
        : 0;
    const gram = gramProduct(this.runtime, threads);
    const own = new Reducer(reducing > 0 ? grams : round.requests, round.samples, gram.product);
    this.running = {
      round,
      segments: [],
      threads: threads - reducing,
      gram,
      own,
      pool: reducing > 0 ? new ReducingPool(others, reducing) : undefined,
      reader: round.resume && new BoundaryReader(round.resume),
      writer: round.save && new BoundaryWriter(round.save),
    };
    return Promise.resolve();
  }

  /** Loads the next segment. */
  async addSegment(segment: SegmentModel): Promise<void> {
    const { round, threads, segments } = this.requireRound();
    const session = await openExact(this.runtime, segment.modelPath, {
      threads,
      config: YIELDING,
      label: round.label,
      returnsMemory: segment.isPart,
    });
    segments.push({ segment, session });
  }

  /** Takes the first sample, which goes through the segments while they are added. */
  begin(feed: Feed): void {
    this.first = this.start(feed, 0);
  }

  /** Runs the first sample through the segment added last. @param isLast whether no other will be added */
  async advance(isLast: boolean): Promise<Advance> {
    const { segments, writer } = this.requireRound();
    const { feed, kept } = this.first;
    const { problem, values } = await this.runSegment(segments.length - 1, feed, kept, 0);
    this.first = { feed, kept: values };
    if (isLast) writer?.add({ ...feed, ...values });
    const types = Object.entries(values).map(([name, { dataType }]) => [name, dataType] as const);
    return { problem, types: new Map(types) };
  }

  /**
   * Runs one sample and adds its outputs. Returns the first tensor with unusable values, of this sample or
   * (if threads reduce) of the previous one.
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

  /** What the next round can start from, if all of it was stored. */
  takeBoundary(): StoredBoundary | undefined {
    return this.requireRound().writer?.finish();
  }

  /** Returns the statistic of one request of the round and frees its memory. */
  async takeStatistic(request: ScalarRequest): Promise<Statistic | undefined> {
    const { own, pool } = this.requireRound();
    return pool ? pool.takeStatistic(request) : own.takeStatistic(request);
  }

  /** As `takeStatistic`, but matrices of more than `mostBytes` are kept for `writeGram`: returns their bytes. */
  async takeGram(request: GramRequest, mostBytes: number): Promise<MeasuredGram | number | undefined> {
    this.large = undefined;
    const gram = await this.requireRound().own.takeGram(request);
    const bytes = gram ? gramBytesOf(gram) : 0;
    if (bytes <= mostBytes) return gram;
    this.large = gram;
    return bytes;
  }

  /** Writes the matrices that were too large to be taken to a file, and frees their memory. */
  writeGram(path: string): StoredGram {
    const gram = this.large;
    this.large = undefined;
    if (!gram) throw new Error("a large matrix must be taken first");
    return writeGram(gram, path);
  }

  async close(): Promise<void> {
    await this.running?.pool?.close();
    for (const { session } of this.running?.segments ?? []) await session.release();
    await this.running?.gram.release();
    this.running?.reader?.close();
    this.running?.writer?.finish();
    this.running = this.large = undefined;
    this.first = { feed: {}, kept: {} };
    this.reducing = Promise.resolve(undefined);
  }

  private async observeNext(given: Feed, sample: number): Promise<SampleProblem | undefined> {
    const { segments, writer } = this.requireRound();
    const { feed, kept } = this.start(given, sample);
    let values = kept;
    let problem: SampleProblem | undefined;
    if (segments.length === 0)
      problem = await this.reduce(feed, sample, new Set(writer ? Object.keys(feed) : []));
    for (let k = 0; k < segments.length && !problem; k++)
      ({ problem, values } = await this.runSegment(k, feed, values, sample));
    writer?.add({ ...feed, ...values });
    return problem;
  }

  /** What a sample starts from: its inputs, and what earlier rounds have made of them. */
  private start(given: Feed, sample: number): { readonly feed: Feed; readonly kept: Feed } {
    const stored = this.requireRound().reader?.read(sample);
    return { feed: stored ?? given, kept: stored ?? {} };
  }

  private async runSegment(
    index: number,
    feed: Feed,
    kept: Feed,
    sample: number,
  ): Promise<{ problem: SampleProblem | undefined; values: Feed }> {
    const { segment, session } = this.requireRound().segments[index]!;
    this.used.free();
    const made = await session.run({ ...feed, ...kept }, segment.outputs);
    this.used.add(made);
    const keep = new Set(segment.keep);
    const values = Object.fromEntries(
      Object.entries({ ...kept, ...made }).filter(([name]) => keep.has(name)),
    );
    if (index > 0) return { problem: await this.reduce(made, sample, keep), values };
    // The inputs are measured beside the first segment, and may be inputs of all.
    for (const name of Object.keys(feed)) keep.add(name);
    return { problem: await this.reduce({ ...feed, ...made }, sample, keep), values };
  }

  /**
   * Adds values to the statistics. Those to `keep` are needed afterwards.
   * Returns a problem of these, or of those before them.
   */
  private async reduce(
    values: Feed,
    sample: number,
    keep: ReadonlySet<string>,
  ): Promise<SampleProblem | undefined> {
    const { own, pool } = this.requireRound();
    const problem = await own.observe(values);
    const earlier = await this.reducing;
    if (earlier) return earlier;
    if (problem) return { ...problem, sample };
    if (pool) this.reducing = pool.reduce(values, keep).then((found) => found && { ...found, sample });
    // The failure is handled when the next values, or the end, await it.
    this.reducing.catch(() => undefined);
    return undefined;
  }

  private requireRound(): Running {
    if (!this.running) throw new Error("a round must be opened first");
    return this.running;
  }
}

/** Without this setting, quantized operators saturate on x64 processors without VNNI. */
const CONFIG = { "session.x64quantprecision": "1" };

/**
 * The setting rewrites int8 weights at load, and onnxruntime 1.30 fails on some: at load on weights that two
 * nodes share, and at the first run on per-channel scales whose operator is not fused (because its output was
 * requested). Such a model runs without the setting.
 */
export function openExact(
  runtime: OnnxRuntime,
  modelPath: string,
  options: SessionOptions,
): Promise<Session> {
  const attempts = LEVELS.flatMap((optimization) => [
    { ...options, optimization, config: { ...options.config, ...CONFIG } },
    { ...options, optimization },
  ]);
  return AdaptiveSession.first(attempts, (settings) => runtime.open(modelPath, settings));
}
