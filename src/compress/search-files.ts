/** The files of a search: the best model so far under the output's name, and its measurements next to it. */
import type { Model } from "../ir/index.js";
import { writeModel } from "../onnx/index.js";
import { fitRuntime, oldestRuntime } from "../ops/runtime-versions.js";
import { markModel } from "../output/edgec-mark.js";
import type { OutputFile } from "../output/output-file.js";
import { writeOptions } from "../output/weights-place.js";
import type { CompressOptions } from "../plan/compress-options.js";
import { Checkpoint } from "../search/checkpoint.js";

interface SearchFiles {
  /** Takes a model as the best that a search has found so far. */
  readonly bestSoFar?: ((model: Model) => Promise<void>) | undefined;
  /** Measurements of the searches of this run, shared by its candidates. */
  readonly searchMemory: Checkpoint | undefined;
}

/** None if that would overwrite the input, which is still needed. */
export function searchFiles(
  options: CompressOptions,
  input: string | undefined,
  files: OutputFile,
  externalData: (model: Model) => boolean | undefined,
): SearchFiles {
  const { output, calib } = options;
  const isNeeded =
    output !== undefined && input !== undefined && quantizes(options) && options.force !== true;
  if (!isNeeded) return { searchMemory: undefined };
  const [calibName, evalName] = [calib, options.eval].map((data) =>
    typeof data === "string" ? data : data?.name,
  );
  // The key leaves out options that do not change measurements, and those that are not data.
  const settings = {
    ...options,
    calib: calibName,
    eval: evalName,
    timeBudget: undefined,
    logger: undefined,
    signal: undefined,
    passes: undefined,
  };
  return {
    searchMemory: new Checkpoint(
      `${output}.search.json`,
      [
        input,
        ...[calib, options.eval, options.labels, options.metric].filter((data) => typeof data === "string"),
      ],
      settings,
    ),
    bestSoFar: async (model) => {
      const path = await files.path("best");
      if (options.minOrt !== undefined)
        fitRuntime(model, oldestRuntime(options.minOrt), "the best model so far");
      markModel(model);
      writeModel(model, path, writeOptions(externalData(model)));
      await files.commit(path);
    },
  };
}

/** Whether a run with these options computes in int8. */
export function quantizes({ int8, flags }: CompressOptions): boolean {
  return int8 === true || flags?.int8 !== undefined;
}
