/**
 * A session that goes down a list of settings until the model loads and its first run succeeds. onnxruntime's own
 * optimizations break some models that run at a lower level; all sessions of edgec go through here, so that all of them
 * meet such a model in the same way.
 */
import { EdgecError } from "../errors.js";
import type { Feed } from "../ir/index.js";
import { LEVELS, type LocalSession, type SessionOptions, type UsedLevel } from "./runtime.js";

type Open = (options: SessionOptions) => Promise<LocalSession>;

/** What another setting may mend. */
function isRefusal(error: unknown): error is EdgecError {
  return error instanceof EdgecError && error.code === "MODEL_REJECTED";
}

export class AdaptiveSession implements LocalSession {
  /** Whether other settings are out of the question: the model has run, or none of them lets it run. */
  private isSettled = false;
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(
    private session: LocalSession,
    private readonly open: Open,
    private readonly attempts: readonly SessionOptions[],
    private at: number,
    private refusal: string | undefined,
  ) {}

  /** At the level asked for, else at the highest that works. Throws what the highest gave when none does. */
  static atLevels(options: SessionOptions, open: Open): Promise<LocalSession> {
    if (options.optimization !== undefined) return open(options);
    return AdaptiveSession.first(
      LEVELS.map((optimization) => ({ ...options, optimization })),
      open,
    );
  }

  /** With the first of the settings that works, which are in the order of preference. */
  static async first(attempts: readonly SessionOptions[], open: Open): Promise<AdaptiveSession> {
    const { session, at, refusal } = await firstThatLoads(attempts, 0, open);
    return new AdaptiveSession(session, open, attempts, at, refusal?.message);
  }

  get inputNames(): readonly string[] {
    return this.session.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.session.outputNames;
  }

  /** Runs until one has succeeded wait for each other; the session may change under them. */
  async run(feed: Feed, outputs?: readonly string[]): Promise<Feed> {
    if (this.isSettled) return this.session.run(feed, outputs);
    const result = this.turn.then(() =>
      this.isSettled ? this.session.run(feed, outputs) : this.settle(feed, outputs),
    );
    this.turn = result.catch(() => undefined);
    return result;
  }

  /** Runs the model once where it has not run yet, so that what is bound is final. */
  async bind(feed: Feed): Promise<() => Promise<unknown>> {
    if (!this.isSettled) await this.run(feed);
    return this.session.bind(feed);
  }

  async usedLevel(): Promise<UsedLevel> {
    const { level } = await this.session.usedLevel();
    return { level, ...(this.refusal === undefined || level === LEVELS[0] ? {} : { refusal: this.refusal }) };
  }

  release(): Promise<void> {
    return this.session.release();
  }

  /** A feed that fails with all settings is at fault itself, and leaves the session as it was. */
  private async settle(feed: Feed, outputs: readonly string[] | undefined): Promise<Feed> {
    const start = { at: this.at, refusal: this.refusal };
    let failure: EdgecError | undefined;
    do {
      try {
        const result = await this.session.run(feed, outputs);
        this.isSettled = true;
        return result;
      } catch (error) {
        if (!isRefusal(error)) throw error;
        failure ??= error;
        this.refusal = error.message;
      }
    } while (await this.next());
    this.isSettled = true;
    Object.assign(this, start);
    this.session = await this.open(this.attempts[start.at] ?? {});
    throw failure;
  }

  /**
   * Puts the next that loads in the place of the session; false when there is none. The former goes first: two at once
   * may not fit in memory.
   */
  private async next(): Promise<boolean> {
    await this.session.release();
    try {
      const { session, at } = await firstThatLoads(this.attempts, this.at + 1, this.open);
      this.session = session;
      this.at = at;
      return true;
    } catch (error) {
      if (isRefusal(error)) return false;
      throw error;
    }
  }
}

/** Throws what the first gave when none loads. */
async function firstThatLoads(
  attempts: readonly SessionOptions[],
  from: number,
  open: Open,
): Promise<{ session: LocalSession; at: number; refusal: EdgecError | undefined }> {
  let first: EdgecError | undefined;
  let last: EdgecError | undefined;
  for (let at = from; at < attempts.length; at++) {
    try {
      return { session: await open(attempts[at]!), at, refusal: last };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      first ??= error;
      last = error;
    }
  }
  throw first ?? new EdgecError("MODEL_REJECTED", "no other setting is left");
}
