/** The functions of calibration's child process: those that calibrate, and those of the runtime itself. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Feed } from "../ir/index.js";
import type { StatisticRequest } from "../numeric/statistics.js";
import { loadRuntime } from "../runtime/index.js";
import type { Statistic } from "./reducer.js";
import { CalibrationWorker, type Round, type SampleProblem } from "./worker.js";

export { info, open, optimizedGraph, release, run, timeInterleaved, usedLevel } from "../runtime/session-service.js";

const worker = loadRuntime().then((runtime) => new CalibrationWorker(runtime));
// Reported by the first call; a missing runtime must not end the process before that.
worker.catch(() => undefined);

export async function shapes(
  modelPath: string, label: string, feed: Feed, outputs: readonly string[],
): Promise<number[][]> {
  return (await worker).shapes(modelPath, label, feed, outputs);
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

// Buffers that lie outside V8's heap are collected late: a process at rest kept 40 MiB of a network's activations.
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Memory that the process holds, bytes. Garbage is collected behind the answer. */
export function residentBytes(): number {
  setImmediate(collectGarbage);
  return process.memoryUsage.rss();
}
