/** Times several sessions in turns, so that all of them run under the same conditions. */
import { BadDataError } from "../errors.js";
import type { Feed } from "../ir/index.js";
import type { LocalSession } from "./runtime.js";

export interface TimingOptions {
  /** Untimed runs of every model before the first timed one. */
  readonly warmup: number;
  /** Timed rounds; every model runs once in each. */
  readonly runs: number;
  readonly threads: number;
  /** Adds rounds until every model has been timed for this long, up to 20 times `runs`. */
  readonly minMs?: number;
  /** After the first 5 rounds, stops once all models together have been timed for this long. */
  readonly maxMs?: number;
  /**
   * Stops after 12 rounds or more once `minMs` is reached and the rounds agree: when the median ratio to the first
   * model is known to this share of it, such as 0.02, or to an eighth of its distance from 1.
   */
  readonly sureWithin?: number;
  /** After 12 rounds, stops once all models together have been timed for this long, sure or not. */
  readonly enoughMs?: number;
  readonly config?: Readonly<Record<string, string>>;
  /** Names of the models in messages, in order; default: their paths. */
  readonly labels?: readonly string[];
}

/** One time per round in milliseconds. Entry i of two models comes from the same round and the same feed. */
export interface ModelTimes {
  readonly samplesMs: number[];
}

const MAX_ROUNDS_FACTOR = 20;
const MIN_ROUNDS = 5;
/** Fewer rounds say little about how far they differ. */
const SOME_ROUNDS = 12;
/** Untimed rounds stop after this time, but not before the second. */
const MAX_WARMUP_MS = 1000;
const MIN_WARMUP = 2;

/**
 * Runs each model once per round on one feed. Each round starts with another model, because the first one of
 * a round runs with cold caches.
 */
export async function timeSessions(
  sessions: readonly LocalSession[],
  feeds: readonly Feed[],
  options: TimingOptions,
): Promise<ModelTimes[]> {
  if (feeds.length === 0) throw new BadDataError("timing needs at least one feed");
  const calls: (() => Promise<unknown>)[][] = [];
  for (const feed of feeds) {
    const ofFeed = [];
    for (const session of sessions) ofFeed.push(await session.bind(feed));
    calls.push(ofFeed);
  }
  const times: ModelTimes[] = sessions.map(() => ({ samplesMs: [] }));
  await warmUp(calls, options.warmup);
  let elapsed = 0;
  for (let round = 0; isRoundDue(round, elapsed, times, options); round++) {
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

/** Caches, and the memory that the runtime keeps for later runs, are as they stay after two runs. */
async function warmUp(calls: readonly (() => Promise<unknown>)[][], rounds: number): Promise<void> {
  const start = performance.now();
  for (let i = 0; i < rounds; i++) {
    if (i >= MIN_WARMUP && performance.now() - start > MAX_WARMUP_MS) return;
    for (const call of calls[i % calls.length]!) await call();
  }
}

function isRoundDue(
  round: number,
  elapsedMs: number,
  times: readonly ModelTimes[],
  { runs, minMs = 0, maxMs = Infinity, enoughMs = Infinity, sureWithin = 0 }: TimingOptions,
): boolean {
  if (elapsedMs > maxMs && round >= MIN_ROUNDS) return false;
  const isShort = elapsedMs < minMs * times.length;
  if (!isShort && round >= SOME_ROUNDS && (elapsedMs > enoughMs || isSure(times, sureWithin))) return false;
  return round < runs || (isShort && round < runs * MAX_ROUNDS_FACTOR);
}

/** Three standard errors of the median of n values are about 3 · 1.2533 / 1.349 of their quartiles' distance / √n. */
const ERROR_OF_MEDIAN = (3 * 1.2533) / 1.349;

/** A model of a third of the time need not be timed as closely as one of nearly the same. */
const OF_DISTANCE = 1 / 8;

/** Whether the median ratio of each model's times to the first's is known well enough. */
function isSure([first, ...others]: readonly ModelTimes[], share: number): boolean {
  if (!first || share === 0) return false;
  const rounds = first.samplesMs.length;
  return others.every(({ samplesMs }) => {
    const ratios = samplesMs.map((time, round) => time / first.samplesMs[round]!).sort((a, b) => a - b);
    const at = (part: number): number => ratios[Math.floor(part * (rounds - 1))]!;
    const error = (ERROR_OF_MEDIAN * (at(0.75) - at(0.25))) / Math.sqrt(rounds);
    return error <= at(0.5) * Math.max(share, OF_DISTANCE * Math.abs(1 - at(0.5)));
  });
}
