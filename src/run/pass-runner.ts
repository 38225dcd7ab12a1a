/** Carries out passes on a model: measures what each asks for, times it, and says which one failed. */
import { runSignal, takeTurn } from "../abort.js";
import { calibrate } from "../calibration/calibrate.js";
import type { CalibrationProcess } from "../calibration/process.js";
import { joined, take, type Dataset } from "../data/index.js";
import { clauseOf, EdgecError, sentence } from "../errors.js";
import { copyModel, type Model } from "../ir/index.js";
import { assertSound } from "../ops/check-operators.js";
import { Statistics, type StatisticRequest } from "../numeric/statistics.js";
import type { MeasureLimits, Pass, PassContext, PassResult } from "../passes/contract.js";
import { checkedRequests, checkedResult } from "../passes/pass-result.js";
import { encodeModelBytes } from "../onnx/index.js";
import { Continuation } from "../calibration/continuation.js";
import { CachedActivations } from "./cached-activations.js";
import { runLinearAlgebra } from "./run-linear-algebra.js";
import { RunLog } from "./run-log.js";
import { MeasurementCache } from "./measurements.js";
import { ModelKeys } from "./model-keys.js";
import { ModelFault, thrownText } from "./model-fault.js";
import type { RunOptions } from "./run-options.js";
import { inStage } from "../stage-clock.js";
import { systemErrorOf } from "../system-errors.js";
import type { PlannedStep } from "../plan/plan-types.js";
import type { LinearAlgebra } from "../solver/index.js";

/** A pass that threw, or with `debug` left an invalid model. */
export class PassFailure extends ModelFault {
  constructor(
    readonly pass: string,
    reason: string,
    message: string,
    options: { cause: unknown },
  ) {
    super(reason, message, options);
  }
}

/** Rounds of a step that runs until stable. Each removes something, so real models need two or three. */
const MAX_ROUNDS = 10;

/**
 * Runs passes over the model of a run and over copies of it; what is done to copies goes into logs of
 * their own.
 */
export class PassRunner {
  readonly runLog = new RunLog();
  /** The model before the first pass that may change results. */
  original: Model | undefined;
  /** The same, including what exact steps have since moved between layers. */
  private referenceModel: Model | undefined;
  private readonly measurements: MeasurementCache;
  private readonly cachedActivations: CachedActivations;
  private readonly linearAlgebra: LinearAlgebra;
  private continuation: Continuation | undefined;
  private hasLost = false;

  /** @param process measures the statistics that passes request */
  constructor(
    private readonly model: Model,
    private readonly options: RunOptions,
    private readonly process: CalibrationProcess,
  ) {
    this.measurements = new MeasurementCache(options.logger);
    this.cachedActivations = new CachedActivations(options.threads, process);
    this.linearAlgebra = runLinearAlgebra(process, options.compute);
  }

  /** To be called before results may change: keeps the reference for later passes. */
  keepReference(): void {
    this.referenceModel ??= copyModel(this.model);
    this.original ??= this.referenceModel;
  }

  /**
   * Values that an exact step scales keep their names, so the old ones are no longer the reference for later
   * passes.
   */
  forgetReference(): void {
    this.referenceModel = undefined;
  }

  /**
   * Runs the passes of a step, repeatedly if the step says so until nothing changes. Returns whether anything
   * changed.
   */
  async runStep(
    model: Model,
    step: Pick<PlannedStep, "passes" | "untilStable">,
    runLog = this.runLog,
  ): Promise<boolean> {
    let changed = false;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      let modified = false;
      for (const pass of step.passes) {
        const own = await inStage(pass.name, () => this.runPass(model, pass, runLog));
        modified ||= own;
      }
      changed ||= modified;
      if (!step.untilStable || !modified) break;
    }
    return changed;
  }

  /** What the pass asks for. */
  async measureAhead(pass: Pass): Promise<Statistics> {
    return (await this.measure(this.model, pass, this.runLog)) ?? new Statistics();
  }

  private async beforeLoss(): Promise<void> {
    this.keepReference();
    if (this.hasLost) return;
    this.hasLost = true;
    if (this.runLog.modified) await this.options.beforeLoss?.(this.model);
  }

  private async runPass(model: Model, pass: Pass, runLog: RunLog): Promise<boolean> {
    const { options } = this;
    await takeTurn();
    options.logger.progress?.({ step: pass.name, done: 0 });
    options.logger.debug?.(`running ${pass.name}`);
    if (pass.lossy && model === this.model) await this.beforeLoss();
    const before = options.debug === true ? encodeModelBytes(model) : undefined;
    const start = performance.now();
    let result: PassResult;
    const continuation = this.beginContinuation();
    try {
      const statistics = await this.measure(model, pass, runLog);
      // The measurement reported its own progress.
      if (statistics) options.logger.progress?.({ step: pass.name, done: 0 });
      result = checkedResult(
        await pass.run(model, {
          ...this.context(statistics, pass, runLog),
          advance: (done, total, part) => this.advance(pass, done, total, part),
        }),
      );
      await takeTurn();
      if (options.debug === true) assertSound(model, `after the pass "${pass.name}"`);
    } catch (cause) {
      throw await this.passFailure(cause, pass, before);
    } finally {
      await continuation.remove();
    }
    runLog.add(pass, result, performance.now() - start);
    return result.modified;
  }

  /** For the measurements of one pass. */
  private beginContinuation(): Continuation {
    const keys = new ModelKeys();
    return (this.continuation = new Continuation((model) => keys.of(model)));
  }

  /** @param pass the pass whose progress is shown again after a measurement has shown its own */
  context(statistics: Statistics | undefined, pass?: Pass, runLog = this.runLog): PassContext {
    const { dataset, evaluator, seed, compute, deadline, trainer } = this.options;
    const { linearAlgebra } = this;
    const signal = runSignal();
    return {
      statistics,
      evaluator,
      seed,
      advance: takeTurn,
      linearAlgebra,
      ...(compute ? { compute } : {}),
      ...(dataset?.size === undefined ? {} : { samples: dataset.size }),
      ...(deadline === undefined ? {} : { deadline }),
      ...(trainer ? { trainer } : {}),
      ...(signal ? { signal } : {}),
      ...(this.referenceModel ? { reference: this.referenceModel } : {}),
      ...(dataset
        ? {
            measure: (model: Model, requests: readonly StatisticRequest[], limits: MeasureLimits) => {
              // A pass may request nothing beforehand and still measure layer by layer.
              runLog.askedForData = true;
              return this.measureFor(pass, dataset, model, requests, limits);
            },
          }
        : {}),
    };
  }

  private async measureFor(
    pass: Pass | undefined,
    all: Dataset,
    model: Model,
    requests: readonly StatisticRequest[],
    limits: MeasureLimits,
  ): Promise<Statistics> {
    const statistics = await inStage("calibrate", () => this.measureWithin(all, model, requests, limits));
    if (pass) this.options.logger.progress?.({ step: pass.name, done: 0 });
    return statistics;
  }

  private advance(pass: Pass, done: number, total: number, part?: string): Promise<void> {
    this.options.logger.progress?.({
      step: part === undefined ? pass.name : `${pass.name}: ${part}`,
      done,
      total,
    });
    return takeTurn();
  }

  private async measureWithin(
    all: Dataset,
    model: Model,
    requests: readonly StatisticRequest[],
    { given, later, ...limits }: MeasureLimits,
  ): Promise<Statistics> {
    const { threads, logger } = this.options;
    const data = JSON.stringify(limits);
    const samples = limited(all, limits);
    const options = {
      model,
      requests,
      threads,
      logger,
      process: this.process,
      inOneRound: limits.asBatch === true,
    };
    if (given)
      return calibrate({ ...options, dataset: await this.cachedActivations.beside(samples, data, given) });
    const by = this.continuation;
    const continued = by && later ? { continued: { by, later } } : {};
    return this.measurements.measure({ ...options, ...continued, dataset: samples }, data);
  }

  private async measure(model: Model, pass: Pass, runLog: RunLog): Promise<Statistics | undefined> {
    const { dataset, threads, logger, recorded } = this.options;
    const requests = checkedRequests(pass.statistics(model));
    if (requests.length > 0) runLog.askedForData = true;
    if (dataset === undefined) return undefined;
    // Empty rather than absent: a pass must not ask for data if the user gave some.
    if (requests.length === 0) return new Statistics();
    const isMain = runLog === this.runLog;
    const key = runLog.statisticsKey(pass);
    const statistics =
      (isMain ? recorded?.get(key) : undefined) ??
      (await inStage("calibrate", () =>
        this.measurements.measure(
          { model, dataset, requests, threads, logger, process: this.process },
          "all",
        ),
      ));
    runLog.statistics.set(key, statistics);
    if (isMain) recorded?.set(key, statistics);
    return statistics;
  }

  private async passFailure(cause: unknown, pass: Pass, before: Uint8Array | undefined): Promise<EdgecError> {
    const { options } = this;
    // The abort is the cause, whatever failed.
    if (runSignal()?.aborted) return cause as EdgecError;
    // A full disk is not the pass's fault.
    const systemError = systemErrorOf(cause);
    if (systemError) return systemError;
    const dumped =
      before && options.dump
        ? ` The model before this pass was written to ${await options.dump(before, pass.name)}.`
        : "";
    const isInvalidModel =
      cause instanceof EdgecError && cause.code === "BAD_MODEL" && options.debug === true;
    if (cause instanceof EdgecError && !isInvalidModel) return cause;
    const ran = this.runLog.names();
    const after =
      ran.length === 0 ? "It was the first pass." : `Passes that ran before it: ${ran.join(", ")}.`;
    const reason = clauseOf(thrownText(cause));
    const message = `pass "${pass.name}" failed: ${sentence(reason)} ${after}${dumped}`;
    return new PassFailure(pass.name, reason, message, { cause });
  }
}

/**
 * Bytes of all inputs of a batch. Activations take about 20 to 50 times as much: four times this limit took a
 * ResNet-18 from 650 to 929 MiB. Large samples have enough positions to take means over.
 */
const BATCH_BYTES = 2 ** 22;

function limited(dataset: Dataset, { samples, asBatch = false }: MeasureLimits): Dataset {
  return asBatch ? joined(dataset, { samples, bytes: BATCH_BYTES }) : take(dataset, samples);
}
