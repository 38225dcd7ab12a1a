/**
 * Runs a plan on a model, step by step: some steps run on trial, and some after a search.
 */
import { CalibrationProcess } from "../calibration/process.js";
import { floorDiagnostic } from "./floor-diagnostic.js";
import { NO_SCORES } from "../fidelity/index.js";
import { copyModel, type Model } from "../ir/index.js";
import { RunLog, type RunResult, type TrialResult } from "./run-log.js";
import { PassRunner } from "./pass-runner.js";
import { NO_FORMS } from "../plan/replay.js";
import type { RunOptions } from "./run-options.js";
import { searchForms } from "../search/search.js";
import type { SearchResult } from "../search/search-types.js";
import { StepTrials } from "./step-trials.js";
import { strongestWithin } from "./strength-search.js";
import type { Diagnostic, Logger } from "../diagnostics.js";
import { sentence } from "../errors.js";
import { inWholeStage } from "../stage-clock.js";
import type { SearchAims } from "../plan/search-aims.js";
import type { Plan, PlannedStep } from "../plan/plan-types.js";
import { withNodeForms } from "../plan/bind-pass.js";
import { option } from "../option-names.js";

/**
 * Changes `model` in place. An EdgecError of a pass is thrown unchanged; any other error becomes a PassFailure
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
  private readonly process = new CalibrationProcess();
  private readonly runner: PassRunner;
  private trial: StepTrials | undefined;
  private readonly options: RunOptions;
  /** Prefix of progress messages: the trial or search that the work is for. */
  private purpose: string | undefined;

  constructor(
    private readonly model: Model,
    private readonly plan: Plan,
    given: RunOptions,
  ) {
    const options = { ...given, logger: this.loggerWithPurpose(given.logger) };
    this.options = options;
    this.runner = new PassRunner(model, options, this.process);
  }

  async run(): Promise<RunResult> {
    for (const [index, step] of this.plan.entries()) {
      if (step.search) await this.searchStep(index, step, step.search);
      else if (step.withinGates) await this.strongestStep(index, step);
      else if (step.validateAfter !== undefined) await this.tryStep(index, step, step.validateAfter);
      else if (await this.runner.runStep(this.model, step))
        this.trial?.keepScoreOnlyAfter(step.passes.map(({ name }) => name));
    }
    return this.runner.runLog.result();
  }

  async close(): Promise<void> {
    try {
      await this.trial?.close();
    } finally {
      await this.process.close();
    }
  }

  private loggerWithPurpose(logger: Logger): Logger {
    return {
      diagnostic: (diagnostic) => logger.diagnostic?.(diagnostic),
      debug: (message) => logger.debug?.(message),
      progress: ({ step, ...counted }) =>
        logger.progress?.({
          step: this.purpose === undefined ? step : `${this.purpose}: ${step}`,
          ...counted,
        }),
    };
  }

  /** Runs the job for one purpose, and charges all of its time to one stage. */
  private async withPurpose<T>(purpose: string, stage: string, job: () => Promise<T>): Promise<T> {
    this.purpose = purpose;
    try {
      return await inWholeStage(stage, job);
    } finally {
      this.purpose = undefined;
    }
  }

  /** Keeps the step only if it brings the model closer to the reference, scored after the named pass. */
  private async tryStep(index: number, step: PlannedStep, validateAfter: string): Promise<void> {
    if (!this.options.scorer || !this.options.dataset || step.passes.length === 0) return;
    const trial = this.trials(this.options.scorer);
    const isLossy = step.passes.some(({ lossy }) => lossy);
    if (isLossy) this.runner.keepReference();
    const rest = stepsUntil(this.plan.slice(index + 1), validateAfter);
    const tried = new RunLog();
    const name = step.passes.map((pass) => pass.name).join(", ");
    const result = await this.withPurpose(`try ${name}`, "try passes", () =>
      trial.attempt(this.model, name, {
        validateAfter,
        change: (model) => this.runner.runStep(model, step, tried),
        finish: async (model) => {
          for (const later of rest) await this.runner.runStep(model, later, new RunLog());
        },
      }),
    );
    if (result.kept && !isLossy) this.runner.forgetReference();
    if (tried.askedForData) this.runner.runLog.askedForData = true;
    this.runner.runLog.addTrial(tried, result);
    this.tellFailure(name, result);
  }

  /** Runs the step's last pass as strongly as the gates on accuracy allow, or leaves it out. */
  private async strongestStep(index: number, step: PlannedStep): Promise<void> {
    const { evaluators: { meetsGates } = {}, logger } = this.options;
    const pass = step.passes.at(-1);
    if (!pass?.strength || !pass.withStrength) return;
    if (!meetsGates) {
      logger.diagnostic?.(notJudged(pass.name));
      return;
    }
    this.runner.keepReference();
    const at = (value: number): PlannedStep => ({
      ...step,
      passes: [...step.passes.slice(0, -1), pass.withStrength!(value)],
    });
    const later = this.plan.slice(index + 1).filter(({ validateAfter }) => validateAfter === undefined);
    const { option, values } = pass.strength;
    const holds = async (value: number): Promise<boolean> => {
      const copy = copyModel(this.model);
      for (const each of [at(value), ...later]) await this.runner.runStep(copy, each, new RunLog());
      this.options.logger.progress?.({ step: "measure the gates", done: 0 });
      return meetsGates(copy);
    };
    const choice = await strongestWithin(option, values, (value) =>
      this.withPurpose(`try ${pass.name} at ${option} ${value}`, "search", () => holds(value)),
    );
    this.runner.runLog.strengths.set(pass.name, choice);
    if (choice.value === null) logger.diagnostic?.(leftOut(pass.name, values[0]));
    else if (await this.runner.runStep(this.model, at(choice.value)))
      this.trial?.keepScoreOnlyAfter([pass.name]);
  }

  private tellFailure(subject: string, { refused, crashed }: TrialResult): void {
    const tell = (id: string, message: string): void =>
      this.options.logger.diagnostic?.({ id, severity: "warning", subject, message });
    if (refused !== undefined)
      tell(
        "compress/step-refused",
        `"${subject}" was undone, because the runtime rejects the model with it: ` +
          `${sentence(refused)} This is a bug in edgec: please report it.`,
      );
    if (crashed !== undefined)
      tell(
        "compress/step-crashed",
        `"${subject}" was undone, because the process that ran it ended: ${sentence(crashed)}`,
      );
  }

  /** Chooses the forms of nodes for the step's last pass, and runs the step with them. */
  private async searchStep(index: number, step: PlannedStep, aims: SearchAims): Promise<void> {
    const result = await this.search(index, step, aims);
    this.runner.runLog.search = result;
    const told = aims.accuracy?.goal === "floor" ? floorDiagnostic(result?.choice) : undefined;
    if (told) this.options.logger.diagnostic?.(told);
    const searched = step.passes.at(-1);
    const passes = withNodeForms(step.passes, result?.forms ?? NO_FORMS, (pass) => pass === searched);
    const isChosen = passes !== step.passes;
    if (await this.runner.runStep(this.model, { ...step, passes }))
      this.trial?.keepScoreOnlyAfter(isChosen ? [] : passes.map(({ name }) => name));
  }

  private async search(
    index: number,
    step: PlannedStep,
    aims: SearchAims,
  ): Promise<SearchResult | undefined> {
    const { dataset, scorer, logger, threads, evaluators = {} } = this.options;
    const pass = step.passes.at(-1);
    const trial = scorer && dataset ? this.trials(scorer) : undefined;
    if (!pass?.excluding || !(trial || aims.device)) return undefined;
    // Only what int8 costs counts for the floor, not what was asked for before: pruning and fewer values.
    const own =
      scorer && aims.accuracy?.goal === "floor" && this.runner.original
        ? scorer(copyModel(this.model), this.process)
        : undefined;
    this.runner.keepReference();
    const statistics = await this.runner.measureAhead(pass);
    const later = this.plan.slice(index + 1);
    const recovering = later.filter(
      ({ validateAfter }) =>
        validateAfter !== undefined && step.passes.some(({ name }) => name === validateAfter),
    );
    const apply =
      (steps: Plan) =>
      async (model: Model): Promise<void> => {
        for (const each of steps) await this.runner.runStep(model, each, new RunLog());
      };
    // Without held-out samples, only predictions are possible.
    const possible = trial ? aims : { speed: false, ...(aims.device ? { device: aims.device } : {}) };
    const searched = this.withPurpose("search", "search", () =>
      searchForms(this.model, pass, statistics, possible, {
        dataset,
        threads,
        logger,
        evaluators,
        process: this.process,
        context: (statistics) => this.runner.context(statistics),
        score: (model, most) => (own ?? trial)?.score(model, most) ?? Promise.resolve(NO_SCORES),
        recover: recovering.length > 0 ? apply(recovering) : undefined,
        finish: apply(later.filter(({ validateAfter }) => validateAfter === undefined)),
      }),
    );
    return searched.finally(() => own?.close());
  }

  /**
   * Models are scored against the model as it was before the first trial, search or lossy pass.
   */
  private trials(scorer: NonNullable<RunOptions["scorer"]>): StepTrials {
    return (this.trial ??= new StepTrials(
      scorer(this.runner.original ?? copyModel(this.model), this.process),
      this.options.logger,
    ));
  }
}

/**
 * The steps up to the one that runs the pass, without those on trial; none if the pass is not planned.
 */
function stepsUntil(steps: Plan, passName: string): PlannedStep[] {
  const last = steps.findIndex(({ passes }) => passes.some(({ name }) => name === passName));
  return steps.slice(0, last + 1).filter(({ validateAfter }) => validateAfter === undefined);
}

function notJudged(subject: string): Diagnostic {
  const message = `"${subject}" did not run: there is no data to evaluate it on. Give data with ${option("eval")}.`;
  return { id: "compress/strength-not-judged", severity: "warning", subject, message };
}

function leftOut(subject: string, weakest: number | undefined): Diagnostic {
  const message =
    `"${subject}" did not run: an accuracy gate fails even at its weakest setting, ` +
    `${weakest}. Loosen the gate, or leave the pass out.`;
  return { id: "compress/nothing-within-gates", severity: "warning", subject, message };
}
