/**
 * Tries steps that should recover accuracy, and keeps each only if held-out samples show that it helps: a
 * step tuned on a hundred samples may fit only those.
 */
import type { Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { copyModel, type Model } from "../ir/index.js";
import { gainOf, isGain, type SampleScores } from "../fidelity/index.js";
import type { TrialResult } from "./run-log.js";

/** Scores how close a model is to the reference; see HoldoutScore. */
export interface Scorer {
  score(model: Model, most?: number): Promise<SampleScores>;
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

export class StepTrials {
  /** The current model's score, and the pass after which it was taken. */
  private current: SampleScores | undefined;
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
    const saved = copyModel(model);
    this.finishedWith = validateAfter;
    const before = (this.current ??= await this.judge(model, finish));
    const after = await this.outcome(model, change, finish);
    const unchanged = { beforeDb: before.db, afterDb: before.db, kept: false };
    if (after === undefined) return unchanged;
    if (after instanceof EdgecError) {
      restore(model, saved);
      return { ...unchanged, [after.code === CRASHED ? "crashed" : "refused"]: after.message };
    }
    const gain = gainOf(before, after);
    const kept = isGain(gain);
    this.logger.debug?.(
      `${name}: ${before.db.toFixed(2)} dB without it, ${after.db.toFixed(2)} dB with it on ` +
        `held-out samples, ${kept ? "kept" : "undone"}`,
    );
    if (kept) this.current = after;
    else restore(model, saved);
    return { beforeDb: before.db, afterDb: after.db, gainRange: gain.range, kept };
  }

  /**
   * The score after the change; undefined if nothing changed, or the error if the runtime cannot run the
   * result.
   */
  private async outcome(
    model: Model,
    change: Attempt["change"],
    finish: Attempt["finish"],
  ): Promise<SampleScores | EdgecError | undefined> {
    try {
      return (await change(model)) ? await this.judge(model, finish) : undefined;
    } catch (error) {
      if (error instanceof EdgecError && REFUSED.includes(error.code)) return error;
      throw error;
    }
  }

  score(model: Model, most?: number): Promise<SampleScores> {
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

  private async judge(model: Model, finish: Attempt["finish"]): Promise<SampleScores> {
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
