/** Measures what loading a model takes: time and memory, in a process of its own. */
import { openRemote } from "../runtime/index.js";
import { loaded } from "./readable-files.js";

export interface LoadFigures {
  /** Processor time of the runtime, one thread. */
  readonly ms: number;
  /** The most memory beyond what the runtime itself takes. */
  readonly peakBytes: number;
}

export interface LoadComparison {
  readonly original: LoadFigures;
  readonly compressed: LoadFigures;
  /** compressed ÷ original; below 1 is less. */
  readonly timeRatio: number;
  readonly memoryRatio: number;
}

/** One load in a fresh process: memory that an earlier model has left would be taken again. */
export async function measureLoad(path: string, label: string): Promise<LoadFigures> {
  const runtime = await openRemote();
  try {
    return await loaded(path, async (file) => {
      await (await runtime.open(file, { label, threads: 1 })).release();
      const first = await runtime.firstLoad();
      if (first?.path !== file) throw new Error(`"${file}" was not the first model of a new process`);
      return first.cost;
    });
  } finally {
    await runtime.close();
  }
}

export function compareLoads(original: LoadFigures, compressed: LoadFigures): LoadComparison {
  return {
    original,
    compressed,
    timeRatio: compressed.ms / original.ms,
    memoryRatio: compressed.peakBytes / original.peakBytes,
  };
}
