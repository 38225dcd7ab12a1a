/** Runs planned passes over a model: measures what each asks for, times it, tries what must prove itself, and says which one failed. */
import { calibrate } from "../calibration/calibrate.js";
import { joined, take, type Dataset } from "../data/index.js";
import type { Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { copyModel, type Model } from "../ir/index.js";
import { assertSound } from "../ops/check-operators.js";
import { Statistics, type StatisticRequest } from "../numeric/statistics.js";
import type { ConstantEvaluator, MeasureLimits, Pass, PassContext, PassResult } from "../passes/contract.js";
import { encodeModelBytes } from "../onnx/index.js";
import { PassLedger, type RunResult } from "./pass-ledger.js";
import type { Plan, PlannedStep } from "./plan.js";
import { type ModelJudges, searchFloatNodes, type SearchAims, type SearchResult } from "./search/node-search.js";
import { type Scorer, StepTrial } from "./step-trial.js";

export interface RunOptions {
  /** Where statistics come from; without it passes get none. */
  readonly dataset?: Dataset | undefined;
  /** Scores models on samples that are not in `dataset`, given the reference. Without it steps that must prove themselves are left out. */
  readonly scorer?: ((reference: Model) => Scorer) | undefined;
  /** What a search for nodes to leave in float goes by besides the score. */
  readonly judges?: ModelJudges;
  readonly evaluator?: ConstantEvaluator | undefined;
  readonly logger: Logger;
  readonly seed: number;
  readonly threads: number;
  /** Statistics of an earlier run, to take instead of measuring (see `RunResult.statistics`). What is measured is added. */
  readonly recorded?: Map<string, Statistics>;
  /** Validates the model after every pass. */
  readonly debug?: boolean;
  /** With `debug`: takes the bytes of the model as it was before a pass that failed, and says where it was put. */
  readonly dump?: (model: Uint8Array, passName: string) => Promise<string>;
}

/** A pass that threw, or with `debug` left an invalid model. */
export class PassFailure extends EdgecError {
  constructor(readonly pass: string, message: string, options: { cause: unknown }) {
    super("PASS_FAILED", message, options);
  }
}

/** Rounds of a step that runs until stable. Each removes something, so real models need two or three. */
const MAX_ROUNDS = 10;

/**
 * Changes `model` in place. An EdgecError of a pass is thrown as it is; anything else becomes PassFailure
 * that names the pass and those that ran before it. The model must not be used after a failure.
 */
export async function runPasses(model: Model, plan: Plan, options: RunOptions): Promise<RunResult> {
  const run = new PlanRun(model, plan, options);
  try {
    return await run.run();
  } finally {
    await run.close();
  }
}

class PlanRun {
  private readonly ledger = new PassLedger();
  /** The model before the first pass that may change results, which models are scored against. */
  private original: Model | undefined;
  /** The same, with what exact steps have since moved between layers: its values are those that later passes are to come near. */
  private reference: Model | undefined;
  private trial: StepTrial | undefined;
  /** Measured for a pass that is about to run on the same model, by its name. */
  private readonly ahead = new Map<string, Statistics>();

  constructor(private readonly model: Model, private readonly plan: Plan, private readonly options: RunOptions) {}

  async run(): Promise<RunResult> {
    for (const [index, step] of this.plan.entries()) {
      if (step.search) await this.searchStep(index, step, step.search);
      else if (step.judgedAfter !== undefined) await this.tryStep(index, step, step.judgedAfter);
      else if (await this.runStep(this.model, step, this.ledger)) this.trial?.unlessJudgedAfter(step.passes.map(({ name }) => name));
    }
    return this.ledger.result();
  }

  async close(): Promise<void> {
    await this.trial?.close();
  }

  private async runStep(model: Model, step: PlannedStep, ledger: PassLedger): Promise<boolean> {
    let changed = false;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      let modified = false;
      for (const pass of step.passes) modified = (await this.runPass(model, pass, ledger)) || modified;
      changed ||= modified;
      if (!step.untilStable || !modified) break;
    }
    return changed;
  }

  /** Keeps the step only where the model is nearer to the reference with it, judged behind the pass named. */
  private async tryStep(index: number, step: PlannedStep, judgedAfter: string): Promise<void> {
    if (!this.options.scorer || !this.options.dataset) return;
    const trial = this.trials(this.options.scorer);
    const isLossy = step.passes.some(({ lossy }) => lossy);
    if (isLossy) this.beforeLoss();
    const rest = stepsUntil(this.plan.slice(index + 1), judgedAfter);
    const tried = new PassLedger();
    const result = await trial.attempt(this.model, step.passes.map(({ name }) => name).join(", "), {
      judgedAfter,
      change: (model) => this.runStep(model, step, tried),
      finish: async (model) => {
        for (const later of rest) await this.runStep(model, later, new PassLedger());
      },
    });
    // Values that an exact step scales keep their names: what they were before is nothing to come near any more.
    if (result.kept && !isLossy) this.reference = undefined;
    if (tried.askedForData) this.ledger.askedForData = true;
    this.ledger.addTrial(tried, result);
    if (result.refused !== undefined) {
      const name = step.passes.map((pass) => pass.name).join(", ");
      this.options.logger.diagnostic?.({ id: "compress/step-refused", severity: "warning", subject: name, message: `"${name}" was taken back, because the runtime refuses this model with it: ${result.refused}. This is a bug in edgec: please report it.` });
    }
  }

  /** Chooses nodes for the step's last pass to leave in float, and runs it so. */
  private async searchStep(index: number, step: PlannedStep, aims: SearchAims): Promise<void> {
    const result = await this.search(index, step, aims);
    this.ledger.search = result;
    const names = [...result?.reasons.keys() ?? []];
    const chosen = names.length > 0 ? step.passes.at(-1)?.excluding?.(names) : undefined;
    // Measured anew, as a run that repeats the choice will: which tensors are asked for changes how onnxruntime rounds.
    if (chosen) this.ahead.clear();
    if (await this.runStep(this.model, chosen ? { ...step, passes: [...step.passes.slice(0, -1), chosen] } : step, this.ledger)) {
      this.trial?.unlessJudgedAfter(chosen ? [] : step.passes.map(({ name }) => name));
    }
  }

  private async search(index: number, step: PlannedStep, aims: SearchAims): Promise<SearchResult | undefined> {
    const { dataset, scorer, logger, threads, judges = {} } = this.options;
    const pass = step.passes.at(-1);
    if (!scorer || !dataset || !pass?.excluding) return undefined;
    const trial = this.trials(scorer);
    this.beforeLoss();
    const statistics = await this.measure(this.model, pass, this.ledger) ?? new Statistics();
    this.ahead.set(pass.name, statistics);
    const later = this.plan.slice(index + 1);
    const recovering = later.filter(({ judgedAfter }) => judgedAfter !== undefined && step.passes.some(({ name }) => name === judgedAfter));
    const apply = (steps: Plan) => async (model: Model): Promise<void> => {
      for (const each of steps) await this.runStep(model, each, new PassLedger());
    };
    return searchFloatNodes(this.model, pass, statistics, aims, {
      dataset, threads, logger, judges,
      context: (statistics) => this.context(statistics),
      score: (model, most) => trial.score(model, most),
      recover: recovering.length > 0 ? apply(recovering) : undefined,
      finish: apply(later.filter(({ judgedAfter }) => judgedAfter === undefined)),
    });
  }

  private trials(scorer: NonNullable<RunOptions["scorer"]>): StepTrial {
    this.original ??= copyModel(this.model);
    return this.trial ??= new StepTrial(scorer(this.original), this.options.logger);
  }

  private beforeLoss(): void {
    this.reference ??= copyModel(this.model);
    this.original ??= this.reference;
  }

  private async runPass(model: Model, pass: Pass, ledger: PassLedger): Promise<boolean> {
    const { options } = this;
    options.logger.progress?.({ step: pass.name, done: 0 });
    options.logger.debug?.(`running ${pass.name}`);
    if (pass.lossy && model === this.model) this.beforeLoss();
    const before = options.debug === true ? encodeModelBytes(model) : undefined;
    const start = performance.now();
    let result: PassResult;
    try {
      const statistics = await this.measure(model, pass, ledger);
      result = await pass.run(model, this.context(statistics));
      if (options.debug === true) assertSound(model, `after the pass "${pass.name}"`);
    } catch (cause) {
      throw await this.passFailure(cause, pass, before);
    }
    ledger.add(pass, result, performance.now() - start);
    return result.modified;
  }

  private context(statistics: Statistics | undefined): PassContext {
    const { dataset, threads, logger, evaluator, seed } = this.options;
    return {
      statistics, evaluator, seed,
      ...(this.reference ? { reference: this.reference } : {}),
      ...(dataset ? { measure: (model: Model, requests: readonly StatisticRequest[], limits: MeasureLimits) => calibrate({ model, dataset: limited(dataset, limits), requests, threads, logger, inOneRound: limits.asBatch === true }) } : {}),
    };
  }

  private async measure(model: Model, pass: Pass, ledger: PassLedger): Promise<Statistics | undefined> {
    const { dataset, threads, logger, recorded } = this.options;
    const requests = pass.statistics(model);
    if (requests.length > 0) ledger.askedForData = true;
    if (dataset === undefined) return undefined;
    // Empty rather than absent: a pass must not tell a user to give data who has given some.
    if (requests.length === 0) return new Statistics();
    const isMain = ledger === this.ledger;
    const ahead = isMain ? this.ahead.get(pass.name) : undefined;
    this.ahead.delete(pass.name);
    if (ahead) return ahead;
    const key = ledger.statisticsKey(pass);
    const statistics = (isMain ? recorded?.get(key) : undefined) ?? await calibrate({ model, dataset, requests, threads, logger });
    ledger.statistics.set(key, statistics);
    if (isMain) recorded?.set(key, statistics);
    return statistics;
  }

  private async passFailure(cause: unknown, pass: Pass, before: Uint8Array | undefined): Promise<EdgecError> {
    const { options } = this;
    const dumped = before && options.dump ? ` The model before it was written to ${await options.dump(before, pass.name)}.` : "";
    const isInvalidModel = cause instanceof EdgecError && cause.code === "BAD_MODEL" && options.debug === true;
    if (cause instanceof EdgecError && !isInvalidModel) return cause;
    const ran = this.ledger.names();
    const after = ran.length === 0 ? "It was the first pass." : `Passes that ran before it: ${ran.join(", ")}.`;
    return new PassFailure(pass.name, `pass "${pass.name}" failed: ${cause instanceof Error ? cause.message : String(cause)}. ${after}${dumped}`, { cause });
  }
}

/** The steps up to the one that runs the pass, without those that are tried themselves; none when it does not come. */
function stepsUntil(steps: Plan, passName: string): PlannedStep[] {
  const last = steps.findIndex(({ passes }) => passes.some(({ name }) => name === passName));
  return steps.slice(0, last + 1).filter(({ judgedAfter }) => judgedAfter === undefined);
}

/**
 * Inputs of a batch in all, bytes. What a network makes of its inputs on the way is some 20 to 50 times as large: four
 * times as many took a ResNet-18 from 650 to 929 MiB. Large samples have positions enough to take means over.
 */
const BATCH_BYTES = 2 ** 22;

function limited(dataset: Dataset, { samples, asBatch = false }: MeasureLimits): Dataset {
  return asBatch ? joined(dataset, { samples, bytes: BATCH_BYTES }) : take(dataset, samples);
}
