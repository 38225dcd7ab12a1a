/** Timing several sessions against each other, in turns, so that all of them meet the same state of the machine. */
import { BadDataError } from "../errors.js";
import type { Feed } from "../ir/index.js";
import type { LocalSession } from "./runtime.js";

export interface TimingOptions {
  /** Untimed runs of every model before the first timed one. */
  readonly warmup: number;
  /** Timed rounds; every model runs once in each. */
  readonly runs: number;
  readonly threads: number;
  /** More rounds are added until every model has been timed this long, up to 20 times `runs`. */
  readonly minMs?: number;
  /** No more rounds after the first 5 once all models together have been timed this long. */
  readonly maxMs?: number;
  readonly config?: Readonly<Record<string, string>>;
  /** What messages call the models, in their order; default their paths. */
  readonly labels?: readonly string[];
}

/** One time for each round in milliseconds, so that entry i of two models was measured in the same round on the same feed. */
export interface ModelTimes {
  readonly samplesMs: number[];
}

const MAX_ROUNDS_FACTOR = 20;
const FEWEST_ROUNDS = 5;

/**
 * Runs round after round; a round runs each model once on one feed, starting with another model each time, because
 * the first one of a round finds its data cold.
 */
export async function timeSessions(
  sessions: readonly LocalSession[], feeds: readonly Feed[], options: TimingOptions,
): Promise<ModelTimes[]> {
  if (feeds.length === 0) throw new BadDataError("timing needs at least one feed");
  const calls: (() => Promise<unknown>)[][] = [];
  for (const feed of feeds) {
    const ofFeed = [];
    for (const session of sessions) ofFeed.push(await session.bind(feed));
    calls.push(ofFeed);
  }
  const times: ModelTimes[] = sessions.map(() => ({ samplesMs: [] }));
  for (let i = 0; i < options.warmup; i++) for (const call of calls[i % calls.length]!) await call();
  let elapsed = 0;
  for (let round = 0; isRoundDue(round, elapsed, sessions.length, options); round++) {
    const ofFeed = calls[round % calls.length]!;
    for (let k = 0; k < sessions.length; k++) {
      const index = (round + k) % sessions.length;
      const start = performance.now();
      await ofFeed[index]!();
      const time = performance.now() - start;
      times[index]!.samplesMs.push(time);
      elapsed += time;
    }
  }
  return times;
}

function isRoundDue(round: number, elapsedMs: number, models: number, { runs, minMs = 0, maxMs = Infinity }: TimingOptions): boolean {
  if (elapsedMs > maxMs && round >= FEWEST_ROUNDS) return false;
  return round < runs || (elapsedMs < minMs * models && round < runs * MAX_ROUNDS_FACTOR);
}
