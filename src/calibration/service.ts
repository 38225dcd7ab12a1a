/** The functions of the calibration process: those for calibration, and those of the runtime. */
import type { Feed } from "../ir/index.js";
import type { GramRequest, MeasuredGram, ScalarRequest, StoredGram } from "../numeric/statistics.js";
import { loadRuntime } from "../runtime/index.js";
import type { StoredBoundary } from "./boundary-file.js";
import { collectGarbage } from "./collect-garbage.js";
import type { Statistic } from "./reducer.js";
import type { Advance, Round, SampleProblem, SegmentModel } from "./worker-messages.js";
import { CalibrationWorker } from "./worker.js";

export {
  firstLoad,
  info,
  open,
  optimizedGraph,
  release,
  run,
  timeInterleaved,
  usedLevel,
} from "../runtime/session-service.js";
export { solve } from "./matrix-engine.js";

const worker = loadRuntime().then((runtime) => new CalibrationWorker(runtime));
// The first call reports a failure. A missing runtime must not end the process before that.
worker.catch(() => undefined);

export async function openShapes(modelPath: string, label: string): Promise<void> {
  return (await worker).openShapes(modelPath, label);
}

export async function shapes(feed: Feed, outputs: readonly string[]): Promise<number[][]> {
  return (await worker).shapes(feed, outputs);
}

export async function openRound(round: Round): Promise<void> {
  return (await worker).open(round);
}

export async function addSegment(segment: SegmentModel): Promise<void> {
  return (await worker).addSegment(segment);
}

export async function begin(feed: Feed): Promise<void> {
  (await worker).begin(feed);
}

export async function advance(isLast: boolean): Promise<Advance> {
  return (await worker).advance(isLast);
}

export async function observe(feed: Feed, sample: number): Promise<SampleProblem | undefined> {
  return (await worker).observe(feed, sample);
}

export async function settle(): Promise<SampleProblem | undefined> {
  return (await worker).settle();
}

export async function takeBoundary(): Promise<StoredBoundary | undefined> {
  return (await worker).takeBoundary();
}

export async function takeStatistic(request: ScalarRequest): Promise<Statistic | undefined> {
  return (await worker).takeStatistic(request);
}

export async function takeGram(
  request: GramRequest,
  mostBytes: number,
): Promise<MeasuredGram | number | undefined> {
  return (await worker).takeGram(request, mostBytes);
}

export async function writeGram(path: string): Promise<StoredGram> {
  return (await worker).writeGram(path);
}

export async function closeRound(): Promise<void> {
  return (await worker).close();
}

/** Memory of the process in bytes. Collects garbage after answering. */
export function residentBytes(): number {
  setImmediate(collectGarbage);
  return process.memoryUsage.rss();
}
