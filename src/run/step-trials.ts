/**
 * Tries steps that should recover accuracy, and keeps each only if held-out samples show that it helps: a
 * step tuned on a hundred samples may fit only those.
 */
import type { Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { copyModel, type Model } from "../ir/index.js";
import type { TrialResult } from "./run-log.js";

/** Scores how close a model is to the reference, in dB; see HoldoutScore. */
export interface Scorer {
  score(model: Model, most?: number): Promise<number>;
  close(): Promise<void>;
}

export interface Attempt {
  /** The pass after which models are scored. */
  readonly validateAfter: string;
  /** Changes the model in place; says whether it did. */
  readonly change: (model: Model) => Promise<boolean>;
  /** Finishes a copy of the model before it is scored. */
  readonly finish: (model: Model) => Promise<void>;
}

/** The runtime's process ended, usually because memory ran out. */
const CRASHED = "RUNTIME_CRASHED";
/** Errors for a model that the runtime cannot run. */
const REFUSED: readonly string[] = ["MODEL_REJECTED", CRASHED];

/** A gain below this is noise between sets of samples, dB. */
const MIN_GAIN_DB = 0.02;

export class StepTrials {
  /** The current model's score, and the pass after which it was taken. */
  private current: number | undefined;
  private finishedWith: string | undefined;

  constructor(
    private readonly scorer: Scorer,
    private readonly logger: Logger,
  ) {}

  /** Changes `model` if that helps; otherwise restores it. */
  async attempt(
    model: Model,
    name: string,
    { validateAfter, change, finish }: Attempt,
  ): Promise<TrialResult> {
    const before = copyModel(model);
    this.finishedWith = validateAfter;
    const beforeDb = (this.current ??= await this.judge(model, finish));
    const afterDb = await this.outcome(model, change, finish);
    if (afterDb === undefined) return { beforeDb, afterDb: beforeDb, kept: false };
    if (afterDb instanceof EdgecError) {
      restore(model, before);
      return {
        beforeDb,
        afterDb: beforeDb,
        kept: false,
        [afterDb.code === CRASHED ? "crashed" : "refused"]: afterDb.message,
      };
    }
    const kept = afterDb >= beforeDb + MIN_GAIN_DB;
    this.logger.debug?.(
      `${name}: ${beforeDb.toFixed(2)} dB without it, ${afterDb.toFixed(2)} dB with it on ` +
        `held-out samples, ${kept ? "kept" : "undone"}`,
    );
    if (kept) this.current = afterDb;
    else restore(model, before);
    return { beforeDb, afterDb, kept };
  }

  /**
   * The score after the change; undefined if nothing changed, or the error if the runtime cannot run the
   * result.
   */
  private async outcome(
    model: Model,
    change: Attempt["change"],
    finish: Attempt["finish"],
  ): Promise<number | EdgecError | undefined> {
    try {
      return (await change(model)) ? await this.judge(model, finish) : undefined;
    } catch (error) {
      if (error instanceof EdgecError && REFUSED.includes(error.code)) return error;
      throw error;
    }
  }

  score(model: Model, most?: number): Promise<number> {
    return this.scorer.score(model, most);
  }

  /**
   * To be called when passes changed the model. The score stays valid only if they include the pass it was
   * taken after.
   */
  keepScoreOnlyAfter(passes: readonly string[]): void {
    if (this.finishedWith === undefined || !passes.includes(this.finishedWith)) this.current = undefined;
  }

  close(): Promise<void> {
    return this.scorer.close();
  }

  private async judge(model: Model, finish: Attempt["finish"]): Promise<number> {
    const finished = copyModel(model);
    await finish(finished);
    this.logger.progress?.({ step: "score on held-out samples", done: 0 });
    return this.scorer.score(finished);
  }
}

/** Undoes all changes and removes properties that were added. */
function restore(model: Model, before: Model): void {
  for (const key of Object.keys(model)) if (!(key in before)) Reflect.deleteProperty(model, key);
  Object.assign(model, before);
}
