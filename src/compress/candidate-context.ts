/** The context that all candidates of a run share. */
import type { Logger } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import type { RunData } from "../compare/run-data.js";
import type { OutputFile } from "../output/output-file.js";
import type { Compute } from "../passes/contract.js";
import type { PlacedOptions } from "../plan/target-options.js";
import type { RuntimeSearch } from "../runtime/index.js";
import type { Checkpoint } from "../search/checkpoint.js";
import type { FileSizes } from "../verify/index.js";

export interface CandidateContext {
  readonly options: PlacedOptions;
  /** Returns a fresh copy of the model at every call, because passes change it in place. */
  readonly read: () => Model;
  readonly originalPath: string;
  /** The file that the runtime runs as the original. */
  readonly referencePath: string;
  /** The name of the original in messages. */
  readonly name: string;
  /** Measured at the first call, once for all candidates. */
  readonly originalSizes: () => Promise<FileSizes>;
  /** Operators that the original has although its operator sets do not. */
  readonly undescribed: ReadonlySet<string>;
  readonly files: OutputFile;
  readonly logger: Logger;
  readonly data: RunData;
  /** Runs the heavy work of passes. */
  readonly compute: Compute;
  /** Has a runtime that is open already. */
  readonly runtimeSearch: RuntimeSearch;
  /** Threads for work that is not timed. */
  readonly learningThreads: number;
  /** Takes a model as the best that a search has found so far. */
  readonly bestSoFar?: ((model: Model) => Promise<void>) | undefined;
  /** Measurements of the searches of this run, shared by its candidates. */
  readonly searchMemory: Checkpoint | undefined;
  /** Where a model's weights are written; see `WriteOptions`. */
  readonly externalData: (model: Model) => boolean | undefined;
}
