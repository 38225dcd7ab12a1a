/** The functions of calibration's child process. */
import type { Feed } from "../ir/index.js";
import type { StatisticRequest } from "../numeric/statistics.js";
import { loadRuntime } from "../runtime/index.js";
import type { Statistic } from "./reducer.js";
import { CalibrationWorker, type Round, type SampleProblem } from "./worker.js";

const worker = loadRuntime().then((runtime) => new CalibrationWorker(runtime));
// Reported by the first call; a missing runtime must not end the process before that.
worker.catch(() => undefined);

export async function shapes(modelPath: string, feed: Feed, outputs: readonly string[]): Promise<number[][]> {
  return (await worker).shapes(modelPath, feed, outputs);
}

export async function open(round: Round): Promise<void> {
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

export async function close(): Promise<void> {
  return (await worker).close();
}
