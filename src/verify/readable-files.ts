/**
 * Prepares model files so that their outputs can be read: makes copies where outputs need tensors in their
 * place.
 */
import type { Model } from "../ir/index.js";
import { readModel, TemporaryFolder, writeModel } from "../onnx/index.js";
import { isLoadable, readableOutputs, type IndirectOutput, type ReadableModel } from "./readable-outputs.js";

export interface ReadableFiles {
  /** What to run in place of each file, and its name in messages. */
  readonly files: readonly { readonly path: string; readonly label: string }[];
  /** The outputs that can be read from all of them. */
  readonly outputs: readonly string[];
  /** Outputs of the first file that are read through other tensors, with those found in all files. */
  readonly indirect: readonly IndirectOutput[];
  remove(): Promise<void>;
}

/** @param models models of files that were already read, by path */
export async function readableFiles(
  paths: readonly string[],
  models: ReadonlyMap<string, Model> = new Map(),
): Promise<ReadableFiles> {
  const readable = paths.map((path) => readableOutputs(models.get(path) ?? readModel(path)));
  const outputs = commonOutputs(readable);
  const indirect = (readable[0]?.indirect ?? []).map((found) => ({
    ...found,
    standIns: found.standIns.filter((name) => outputs.includes(name)),
  }));
  if (readable.every((one) => one.indirect.every(({ standIns }) => standIns.length === 0))) {
    return {
      files: paths.map((path) => ({ path, label: path })),
      outputs,
      indirect,
      remove: () => Promise.resolve(),
    };
  }
  const folder = await TemporaryFolder.create("outputs");
  try {
    const files = readable.map(({ model }, k) => ({
      path: writeModel(model, folder.file(`${k}.onnx`), { durable: false }).path,
      label: paths[k]!,
    }));
    return { files, outputs, indirect, remove: () => folder.remove() };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/**
 * For timing: onnxruntime runs the whole model for any output, so a copy is used only if none of a model's
 * outputs can be returned. Undefined if no tensor can replace those either.
 */
export async function timed<T>(
  paths: readonly string[],
  use: (files: ReadableFiles["files"]) => Promise<T>,
): Promise<T | undefined> {
  const models = new Map(paths.map((path) => [path, readModel(path)]));
  if ([...models.values()].every(returnsSomething)) return use(paths.map((path) => ({ path, label: path })));
  const readable = await readableFiles(paths, models);
  try {
    return readable.outputs.length === 0 ? undefined : await use(readable.files);
  } finally {
    await readable.remove();
  }
}

function returnsSomething(model: Model): boolean {
  const { outputs, indirect } = readableOutputs(model);
  return (
    isLoadable(model) && outputs.length > indirect.reduce((sum, { standIns }) => sum + standIns.length, 0)
  );
}

/** Uses the file itself, or a copy that the runtime can load. */
export async function loaded<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  const model = readModel(path);
  if (isLoadable(model)) return use(path);
  const readable = await readableFiles([path], new Map([[path, model]]));
  try {
    return await use(readable.files[0]?.path ?? path);
  } finally {
    await readable.remove();
  }
}

/** The outputs common to all models, in the order of the first. */
function commonOutputs(models: readonly ReadableModel[]): string[] {
  return (models[0]?.outputs ?? []).filter((name) => models.every((model) => model.outputs.includes(name)));
}
