/**
 * Steps that recover accuracy are not trusted: each is kept only where held-out samples say that it helps. What was
 * tuned on a hundred samples may fit those alone.
 */
import type { Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { copyModel, type Model } from "../ir/index.js";
import type { TrialResult } from "./pass-ledger.js";

/** How near a model is to the reference, dB; see HeldOutScore. */
export interface Scorer {
  score(model: Model, most?: number): Promise<number>;
  close(): Promise<void>;
}

export interface Attempt {
  /** The pass behind which models are judged. */
  readonly judgedAfter: string;
  /** Changes the model in place; says whether it did. */
  readonly change: (model: Model) => Promise<boolean>;
  /** What happens to the model before it is judged; on a copy. */
  readonly finish: (model: Model) => Promise<void>;
}

/** The process of the runtime has ended, mostly for want of memory. */
const CRASHED = "RUNTIME_CRASHED";
/** What comes of a model that the runtime cannot run. */
const REFUSED: readonly string[] = ["MODEL_REJECTED", CRASHED];

/** A gain below this is noise between sets of samples, dB. */
const LEAST_GAIN_DB = 0.02;

export class StepTrial {
  /** The score of the model as it is, once known, and the pass that it was finished with for that. */
  private current: number | undefined;
  private finishedWith: string | undefined;

  constructor(private readonly scorer: Scorer, private readonly logger: Logger) {}

  /** Changes `model`, or leaves it as it was. */
  async attempt(model: Model, name: string, { judgedAfter, change, finish }: Attempt): Promise<TrialResult> {
    const before = copyModel(model);
    this.finishedWith = judgedAfter;
    const beforeDb = this.current ??= await this.judge(model, finish);
    const afterDb = await this.outcome(model, change, finish);
    if (afterDb === undefined) return { beforeDb, afterDb: beforeDb, kept: false };
    if (afterDb instanceof EdgecError) {
      restore(model, before);
      return { beforeDb, afterDb: beforeDb, kept: false, [afterDb.code === CRASHED ? "crashed" : "refused"]: afterDb.message };
    }
    const kept = afterDb >= beforeDb + LEAST_GAIN_DB;
    this.logger.debug?.(`${name}: ${beforeDb.toFixed(2)} dB without it, ${afterDb.toFixed(2)} dB with it on held-out samples, ${kept ? "kept" : "taken back"}`);
    if (kept) this.current = afterDb;
    else restore(model, before);
    return { beforeDb, afterDb, kept };
  }

  /** The score after the change; undefined when it changed nothing, and the error where the runtime cannot run what it made. */
  private async outcome(model: Model, change: Attempt["change"], finish: Attempt["finish"]): Promise<number | EdgecError | undefined> {
    try {
      return await change(model) ? await this.judge(model, finish) : undefined;
    } catch (error) {
      if (error instanceof EdgecError && REFUSED.includes(error.code)) return error;
      throw error;
    }
  }

  score(model: Model, most?: number): Promise<number> {
    return this.scorer.score(model, most);
  }

  /** Passes have changed the model. The score stands if they are what it was judged after. */
  unlessJudgedAfter(passes: readonly string[]): void {
    if (this.finishedWith === undefined || !passes.includes(this.finishedWith)) this.current = undefined;
  }

  close(): Promise<void> {
    return this.scorer.close();
  }

  private async judge(model: Model, finish: Attempt["finish"]): Promise<number> {
    const finished = copyModel(model);
    await finish(finished);
    this.logger.progress?.({ step: "score on samples held out", done: 0 });
    return this.scorer.score(finished);
  }
}

/** Takes all changes back: properties that were set meanwhile go. */
function restore(model: Model, before: Model): void {
  for (const key of Object.keys(model)) if (!(key in before)) Reflect.deleteProperty(model, key);
  Object.assign(model, before);
}
