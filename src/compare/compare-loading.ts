/**
 * Compares what loading takes. Each model is measured in a process that has loaded no other, which is the one of the
 * comparison for the model that it loaded first.
 */
import type { Logger } from "../diagnostics.js";
import type { RemoteRuntime } from "../runtime/index.js";
import {
  compareLoads,
  isSameFile,
  measureLoad,
  type LoadComparison,
  type LoadFigures,
} from "../verify/index.js";
import type { RunData } from "./run-data.js";

/** What the first loads of the processes of one comparison took, by the file that was loaded. */
export class FirstLoads {
  private readonly figures = new Map<string, LoadFigures>();

  /** Call it before the process ends. A large original is not the model that was loaded first. */
  async note(runtime: RemoteRuntime): Promise<void> {
    const first = await runtime.firstLoad();
    if (first) this.figures.set(first.path, first.cost);
  }

  of(path: string): LoadFigures | undefined {
    return this.figures.get(path);
  }
}

/** The original's figures: the candidates of a run are compared with the same. */
const originalLoads = new WeakMap<RunData, LoadFigures>();

interface LoadContext {
  readonly data: RunData;
  /** The original as the runtime runs it, and its name in messages. */
  readonly referencePath: string;
  readonly name: string;
  readonly logger: Logger;
  /** Whether the compressed model is a file of the user's. */
  readonly standsAlone?: boolean;
}

/** Loads only a model that is not among the `loads`, and equal files once. */
export async function compareLoading(
  { data, referencePath, name, logger, standsAlone = false }: LoadContext,
  path: string,
  loads: FirstLoads,
): Promise<LoadComparison> {
  logger.progress?.({ step: "measure loading", done: 0 });
  const label = standsAlone ? path : "the compressed model";
  const isEqual = await isSameFile(referencePath, path);
  const original =
    originalLoads.get(data) ??
    loads.of(referencePath) ??
    (isEqual ? loads.of(path) : undefined) ??
    (await measureLoad(referencePath, name));
  originalLoads.set(data, original);
  const compressed = isEqual ? original : (loads.of(path) ?? (await measureLoad(path, label)));
  return compareLoads(original, compressed);
}
