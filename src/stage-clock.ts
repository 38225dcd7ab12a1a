/**
 * Tells where the time of a run went. The clock belongs to exactly one stage at any moment, so the times of
 * all stages add up to the whole. Like the run's signal (abort.ts), it is kept in async context.
 */
import { AsyncLocalStorage } from "node:async_hooks";

export interface StageTime {
  /** "read", "calibrate", "search", … or the name of a pass. */
  readonly stage: string;
  /** Milliseconds. */
  readonly ms: number;
}

export interface RunTimes {
  /** Milliseconds from the start of the run to its report; the sum of all stages. */
  readonly totalMs: number;
  /** Where they went, in the order in which the stages were first met. */
  readonly stages: readonly StageTime[];
}

/** Before the work itself: the program starts and loads its modules. Only where the caller says when. */
const START = "start";
/** What is in no other stage. */
const OTHER = "other";

export class StageClock {
  private readonly spent = new Map<string, number>();
  private stage: string;
  private isWhole = false;
  private since: number;

  /**
   * @param now milliseconds on any axis
   * @param startedAt when the program started, on the same axis
   */
  constructor(
    private readonly now: () => number,
    startedAt?: number,
  ) {
    this.since = startedAt ?? now();
    this.stage = startedAt === undefined ? OTHER : START;
    this.enter(OTHER);
  }

  /** The time of the job is that of the stage, also where the job fails; see `inStage`. */
  async within<T>(stage: string, job: () => Promise<T> | T, isWhole: boolean): Promise<T> {
    if (this.isWhole) return job();
    const outer = this.stage;
    this.enter(stage);
    this.isWhole = isWhole;
    try {
      return await job();
    } finally {
      this.isWhole = false;
      this.enter(outer);
    }
  }

  times(): RunTimes {
    this.enter(this.stage);
    const stages = [...this.spent].map(([stage, ms]) => ({ stage, ms: tenths(ms) }));
    return { totalMs: tenths(stages.reduce((sum, { ms }) => sum + ms, 0)), stages };
  }

  /** Charges what has passed to the stage that ends here. */
  private enter(stage: string): void {
    const now = this.now();
    this.spent.set(this.stage, (this.spent.get(this.stage) ?? 0) + now - this.since);
    this.since = now;
    this.stage = stage;
  }
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}

interface Context {
  readonly clock?: StageClock;
  readonly startedAt?: number;
}

const contexts = new AsyncLocalStorage<Context>();
const wallClock = (): number => performance.now();

/** The next run within the job counts from this moment, on the axis of `performance.now()`. */
export function startedAt<T>(moment: number, job: () => Promise<T>): Promise<T> {
  return contexts.run({ startedAt: moment }, job);
}

/** A run with a clock of its own. */
export function withStageClock<T>(job: () => Promise<T>): Promise<T> {
  return contexts.run({ clock: new StageClock(wallClock, contexts.getStore()?.startedAt) }, job);
}

/**
 * Charges the time of the job to a stage. Stages within it are charged on their own, and what is between
 * them to this one.
 */
export function inStage<T>(stage: string, job: () => Promise<T> | T): Promise<T> {
  return charged(stage, job, false);
}

/**
 * The same with all stages within it, for work that runs passes and measures only to choose: a calibration
 * of the search is part of the search.
 */
export function inWholeStage<T>(stage: string, job: () => Promise<T> | T): Promise<T> {
  return charged(stage, job, true);
}

async function charged<T>(stage: string, job: () => Promise<T> | T, isWhole: boolean): Promise<T> {
  const clock = contexts.getStore()?.clock;
  return clock ? clock.within(stage, job, isWhole) : job();
}

/** Where the time of the current run went until now. */
export function stageTimes(): RunTimes {
  return contexts.getStore()?.clock?.times() ?? { totalMs: 0, stages: [] };
}
