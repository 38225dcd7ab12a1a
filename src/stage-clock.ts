/**
 * Measures where the time of a run goes. Every moment is charged to exactly one stage, so the times of all stages
 * add up to the whole. Like the run's signal (abort.ts), the clock is kept in async context.
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
  /** The time of each stage, in the order in which stages first began. */
  readonly stages: readonly StageTime[];
}

/** Before the work itself: the program starts and loads its modules. Only if the caller gives the start. */
const START = "start";
/** Time that belongs to no other stage. */
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

  /** Charges the time of the job to the stage, even if the job fails; see `inStage`. */
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

  /** Charges the elapsed time to the stage that ends here. */
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

/** Runs the job with its own clock. */
export function withStageClock<T>(job: () => Promise<T>): Promise<T> {
  return contexts.run({ clock: new StageClock(wallClock, contexts.getStore()?.startedAt) }, job);
}

/**
 * Charges the time of the job to a stage. Stages within it are charged separately, and the time between them to
 * this one.
 */
export function inStage<T>(stage: string, job: () => Promise<T> | T): Promise<T> {
  return charged(stage, job, false);
}

/**
 * The same, but includes all stages within it, for work that runs passes and measures only to choose: a
 * calibration of the search is part of the search.
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
