/**
 * Prepares model files so that their outputs can be read: makes copies where outputs need tensors in their
 * place.
 */
import { readModel, TemporaryFolder, writeModel } from "../onnx/index.js";
import { factsOf } from "./model-facts.js";
import { readableOutputs, type IndirectOutput } from "./readable-outputs.js";

export interface ReadableFiles {
  /** What to run in place of each file, and its name in messages. */
  readonly files: readonly { readonly path: string; readonly label: string }[];
  /** The outputs that can be read from all of them. */
  readonly outputs: readonly string[];
  /** Outputs of the first file that are read through other tensors, with those found in all files. */
  readonly indirect: readonly IndirectOutput[];
  remove(): Promise<void>;
}

export async function readableFiles(paths: readonly string[]): Promise<ReadableFiles> {
  const facts = paths.map((path) => factsOf(path));
  if (facts.every(({ isReadable }) => isReadable))
    return unchanged(paths, commonOutputs(facts.map(({ outputs }) => outputs.map(({ name }) => name))), []);
  return readableCopies(paths);
}

/** The files themselves. */
function unchanged(
  paths: readonly string[],
  outputs: readonly string[],
  indirect: readonly IndirectOutput[],
): ReadableFiles {
  const files = paths.map((path) => ({ path, label: path }));
  return { files, outputs, indirect, remove: () => Promise.resolve() };
}

async function readableCopies(paths: readonly string[]): Promise<ReadableFiles> {
  const readable = paths.map((path) => readableOutputs(readModel(path)));
  const outputs = commonOutputs(readable.map((model) => model.outputs));
  const indirect = (readable[0]?.indirect ?? []).map((found) => ({
    ...found,
    standIns: found.standIns.filter((name) => outputs.includes(name)),
  }));
  if (readable.every((one) => one.indirect.every(({ standIns }) => standIns.length === 0)))
    return unchanged(paths, outputs, indirect);
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
  if (paths.every(returnsSomething)) return use(paths.map((path) => ({ path, label: path })));
  const readable = await readableFiles(paths);
  try {
    return readable.outputs.length === 0 ? undefined : await use(readable.files);
  } finally {
    await readable.remove();
  }
}

function returnsSomething(path: string): boolean {
  const facts = factsOf(path);
  if (facts.isReadable || !facts.isLoadable) return facts.isReadable && facts.outputs.length > 0;
  const { outputs, indirect } = readableOutputs(readModel(path));
  return outputs.length > indirect.reduce((sum, { standIns }) => sum + standIns.length, 0);
}

/** Uses the file itself, or a copy that the runtime can load. */
export async function loaded<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  if (factsOf(path).isLoadable) return use(path);
  const readable = await readableFiles([path]);
  try {
    return await use(readable.files[0]?.path ?? path);
  } finally {
    await readable.remove();
  }
}

/** The outputs common to all models, in the order of the first. */
function commonOutputs(models: readonly (readonly string[])[]): string[] {
  return (models[0] ?? []).filter((name) => models.every((outputs) => outputs.includes(name)));
}
