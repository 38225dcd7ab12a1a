/** Times two models in turns, on a few inputs of the data. */
import type { Dataset } from "../data/index.js";
import { SILENT, type Logger } from "../diagnostics.js";
import type { Feed } from "../ir/index.js";
import type { RemoteRuntime, RemoteSession } from "../runtime/index.js";
import { compareTimes, type Latency } from "./latency.js";
import { timed } from "./readable-files.js";

export interface LatencyOptions {
  /** Paths. */
  readonly original: string;
  readonly compressed: string;
  /** Threads of the runtime; default 1. */
  readonly threads?: number;
  /**
   * Timed rounds; 0 leaves latency out. Default: 50 rounds and half a second per model; 12 to 50 rounds within
   * two seconds where they take longer, and 5 to 12 within 20 seconds for very large models.
   */
  readonly runs?: number;
  readonly warmup?: number;
  /** Session config entries for both models, such as {"session.x64quantprecision": "1"}. */
  readonly sessionConfig?: Readonly<Record<string, string>>;
  /** Names of the two models in messages; default: their paths. */
  readonly names?: readonly [original: string, compressed: string];
  readonly logger?: Logger;
}

const DEFAULT_RUNS = 50;
const DEFAULT_WARMUP = 5;
/** Small models are timed for longer than 50 rounds take; the rounds of large ones are limited. */
const TIME_PER_MODEL_MS = 500;
const ENOUGH_MS = 2_000;
/** For models of which a dozen rounds would take longer. */
const LATENCY_BUDGET_MS = 20_000;
/** Timing ends once the speed-up is known this well, which is better than the 3 % that count as noise. */
const SURE_WITHIN = 0.02;
/** Warns when the interquartile range of the times exceeds this fraction of the median. */
const UNQUIET_SPREAD = 0.3;
/** Number of inputs that latency is measured on, in turns. */
const TIMED_FEEDS = 8;

/**
 * The latency of both models, also of sessions that are open already; null if the models cannot be timed.
 * Warns when the machine was busy.
 */
export async function measureLatency(
  options: LatencyOptions,
  data: Dataset,
  runtime: RemoteRuntime,
  sessions: readonly RemoteSession[] | undefined,
): Promise<Latency | null> {
  const { original, compressed, runs, warmup = DEFAULT_WARMUP, threads = 1, sessionConfig } = options;
  const feeds: Feed[] = [];
  for await (const { feed } of data.samples()) if (feeds.push(feed) === TIMED_FEEDS) break;
  const budget =
    runs === undefined
      ? {
          runs: DEFAULT_RUNS,
          minMs: TIME_PER_MODEL_MS,
          enoughMs: ENOUGH_MS,
          maxMs: LATENCY_BUDGET_MS,
          sureWithin: SURE_WITHIN,
        }
      : { runs };
  const timing = { ...budget, warmup, threads, ...(sessionConfig ? { config: sessionConfig } : {}) };
  const times = sessions
    ? await runtime.timeSessions(sessions, feeds, timing)
    : await timed([original, compressed], (files) => {
        const labels = options.names ?? files.map(({ label }) => label);
        return runtime.timeInterleaved(
          files.map(({ path }) => path),
          feeds,
          { ...timing, labels },
        );
      });
  if (!times) return null;
  const [before, after] = times;
  const latency = compareTimes(before ?? { samplesMs: [] }, after ?? { samplesMs: [] }, {
    threads,
    runtime: `${runtime.name} ${runtime.version}`,
  });
  warnOfNoise(latency, options.logger ?? SILENT);
  return latency;
}

function warnOfNoise({ original, compressed, speedupRange: [low, high] }: Latency, logger: Logger): void {
  if (Math.max(original.spread, compressed.spread) <= UNQUIET_SPREAD) return;
  logger.diagnostic?.({
    id: "verify/unquiet-machine",
    severity: "warning",
    message:
      `The machine was busy while the models were timed: half of the rounds gave speed-ups outside ` +
      `${low.toFixed(2)}× to ${high.toFixed(2)}×. Repeat the measurement on an idle machine before relying on it.`,
  });
}
