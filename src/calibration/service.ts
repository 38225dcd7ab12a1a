/** The functions of calibration's child process: those that calibrate, and those of the runtime itself. */
import type { Feed } from "../ir/index.js";
import type { StatisticRequest } from "../numeric/statistics.js";
import { loadRuntime } from "../runtime/index.js";
import type { Statistic } from "./reducer.js";
import { CalibrationWorker, type Round, type SampleProblem } from "./worker.js";

export { info, open, optimizedGraph, release, run, timeInterleaved } from "../runtime/session-service.js";

const worker = loadRuntime().then((runtime) => new CalibrationWorker(runtime));
// Reported by the first call; a missing runtime must not end the process before that.
worker.catch(() => undefined);

export async function shapes(modelPath: string, feed: Feed, outputs: readonly string[]): Promise<number[][]> {
  return (await worker).shapes(modelPath, feed, outputs);
}

export async function openRound(round: Round): Promise<void> {
  return (await worker).open(round);
}

export async function observe(feed: Feed, sample: number): Promise<SampleProblem | undefined> {
  return (await worker).observe(feed, sample);
}

export async function settle(): Promise<SampleProblem | undefined> {
  return (await worker).settle();
}

export async function take(request: StatisticRequest): Promise<Statistic | undefined> {
  return (await worker).take(request);
}

export async function closeRound(): Promise<void> {
  return (await worker).close();
}

/** Memory that the process holds, bytes. */
export function residentBytes(): number {
  return process.memoryUsage.rss();
}
