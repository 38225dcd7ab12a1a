/** What all candidates of a run share. */
import type { Logger } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import type { RunData } from "../compare/run-data.js";
import type { OutputFile } from "../output/output-file.js";
import type { Compute } from "../passes/contract.js";
import type { PlacedOptions } from "../plan/target-options.js";
import type { Checkpoint } from "../search/checkpoint.js";
import type { FileSizes } from "../verify/index.js";

export interface CandidateContext {
  readonly options: PlacedOptions;
  /** A fresh copy of the model to start from at every call; passes change theirs in place. */
  readonly read: () => Model;
  readonly originalPath: string;
  /** What the runtime runs in its place. */
  readonly referencePath: string;
  /** What messages call the original. */
  readonly name: string;
  /** Measured when they are first asked for, once for all candidates. */
  readonly originalSizes: () => Promise<FileSizes>;
  /** Operators that the original has although its operator sets do not. */
  readonly undescribed: ReadonlySet<string>;
  readonly files: OutputFile;
  readonly logger: Logger;
  readonly data: RunData;
  /** Where passes have their heavy work done. */
  readonly compute: Compute;
  /** Threads for what no time is read from. */
  readonly learningThreads: number;
  /** Takes a model as the best that a search has found so far. */
  readonly bestSoFar?: ((model: Model) => Promise<void>) | undefined;
  /** What searches of this run have measured, shared by its candidates. */
  readonly searchMemory: Checkpoint | undefined;
  /** Where a model's weights are written; see `WriteOptions`. */
  readonly externalData: (model: Model) => boolean | undefined;
}
