/** Opening a dataset by the form of what lies at a path. */
import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { BadDataError, EdgecError, suggestion } from "../errors.js";
import { requireRegularFile } from "../regular-file.js";
import { ArraySamples } from "./array-samples.js";
import { describeInput, type RawArray } from "./conform.js";
import type { Dataset, Label, ModelInputs, Sample } from "./dataset.js";
import { fileBytes } from "./file-bytes.js";
import { jsonlSamples } from "./jsonl.js";
import { labelsOfArray, readLabels } from "./labels.js";
import { npzArray, npzNames } from "./npz.js";
import { parseNpy } from "./npy.js";
import { take } from "./subset.js";
import { testDataSample, testDataSets } from "./test-data-sets.js";
import { unfeedable } from "./unfeedable.js";
import { moduleSamples } from "./user-module.js";

export interface OpenOptions {
  /** A .npy, .json or .txt file with one label per sample; replaces labels in the data. */
  readonly labels?: string;
  /** At most this many samples, from the first. */
  readonly limit?: number;
}

/**
 * Opens data for a model: .npz, .npy, .jsonl, a folder of test_data_set_N, or an ES module (.mjs, .js).
 * The first sample is read at once, so that data of the wrong name, type or shape fails here; others are checked
 * when their turn comes. Throws BadDataError, or EdgecError CANNOT_READ, also for what is no regular file.
 */
export async function openDataset(path: string, inputs: ModelInputs, options: OpenOptions = {}): Promise<Dataset> {
  if (inputs.length === 0) throw new BadDataError(`${path}: the model has no inputs, so data cannot be fed to it`);
  const obstacle = unfeedable(inputs);
  if (obstacle !== undefined) {
    throw new BadDataError(`${path}: ${obstacle} on data. Leave the data out: passes that need none work`);
  }
  const labels = options.labels === undefined ? undefined : await readLabels(options.labels);
  const dataset = await openByForm(path, inputs, labels, options.labels);
  await requireSample(dataset);
  return options.limit === undefined ? dataset : take(dataset, options.limit);
}

async function openByForm(path: string, inputs: ModelInputs, labels: Label[] | undefined, labelsPath: string | undefined): Promise<Dataset> {
  if (await isFolder(path)) return openTestData(path, inputs, labels, labelsPath);
  switch (extname(path).toLowerCase()) {
    case ".npz": return openNpz(path, inputs, labels, labelsPath);
    case ".npy": return openNpy(path, inputs, labels, labelsPath);
    case ".jsonl": case ".ndjson": return streamed(path, () => jsonlSamples(path, inputs), labels, labelsPath);
    case ".mjs": case ".js": return streamed(path, await moduleSamples(path, inputs), labels, labelsPath);
    default: throw new BadDataError(`${path}: not a form of data that is known; give .npz, .npy, .jsonl, .mjs or a folder of test_data_set_N`);
  }
}

/** Throws EdgecError CANNOT_READ where there is nothing, or what is neither a folder nor a regular file. */
async function isFolder(path: string): Promise<boolean> {
  requireRegularFile(path);
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new EdgecError("CANNOT_READ", `cannot read ${path}: ${code === "ENOENT" ? "there is no such file or folder" : message}`, { cause });
  }
}

async function openNpz(path: string, inputs: ModelInputs, given: Label[] | undefined, labelsPath: string | undefined): Promise<Dataset> {
  const bytes = await fileBytes(path);
  const names = npzNames(bytes, path);
  const arrays = new Map<string, RawArray>();
  for (const input of inputs) {
    if (!names.includes(input.name)) {
      throw new BadDataError(
        `${path}: there is no array "${input.name}" for the input of that name (${describeInput(input)}); ` +
          `the file holds ${names.join(", ") || "no arrays"}.${suggestion(input.name, names)}`,
      );
    }
    arrays.set(input.name, npzArray(bytes, input.name, path));
  }
  const labelsAreInput = inputs.some((input) => input.name === "labels");
  const own = given === undefined && !labelsAreInput && names.includes("labels");
  const labels = own ? labelsOfArray(npzArray(bytes, "labels", path), `${path}: array "labels"`) : given;
  return ofArrays(path, new ArraySamples(inputs, arrays, path), labels, labelsPath ?? `${path}: array "labels"`);
}

async function openNpy(path: string, inputs: ModelInputs, labels: Label[] | undefined, labelsPath: string | undefined): Promise<Dataset> {
  const [input, ...others] = inputs;
  if (!input || others.length > 0) {
    const names = inputs.map((i) => i.name).join(", ");
    throw new BadDataError(`${path}: a .npy file feeds one input, but the model has ${inputs.length} (${names}); use a .npz with an array for each`);
  }
  const array = parseNpy(await fileBytes(path), path);
  return ofArrays(path, new ArraySamples(inputs, new Map([[input.name, array]]), path), labels, labelsPath ?? path);
}

function ofArrays(path: string, samples: ArraySamples, labels: Label[] | undefined, labelsName: string): Dataset {
  const expected = samples.count * samples.batch;
  if (labels && labels.length !== expected) {
    throw new BadDataError(`${labelsName} holds ${labels.length} labels, but ${path} holds ${expected} samples`);
  }
  return {
    name: path, size: samples.count, hasLabels: labels !== undefined,
    samples: () => streamOf(samples.count, (index) => samples.sample(index, labels)),
  };
}

// eslint-disable-next-line @typescript-eslint/require-await -- an asynchronous stream of what is in memory already
async function* streamOf(count: number, sample: (index: number) => Sample): AsyncGenerator<Sample> {
  for (let index = 0; index < count; index++) yield sample(index);
}

async function openTestData(path: string, inputs: ModelInputs, labels: Label[] | undefined, labelsPath: string | undefined): Promise<Dataset> {
  const folders = await testDataSets(path);
  const samples = async function* (): AsyncGenerator<Sample> {
    for (const folder of folders) yield await testDataSample(folder, inputs);
  };
  const dataset = await streamed(path, samples, labels, labelsPath);
  return { name: dataset.name, size: folders.length, hasLabels: dataset.hasLabels, samples: () => dataset.samples() };
}

/** A dataset of unknown size; labels of a file are matched by position and must not run out. */
async function streamed(path: string, source: () => AsyncGenerator<Sample>, labels: Label[] | undefined, labelsPath: string | undefined): Promise<Dataset> {
  let hasLabels = labels !== undefined;
  if (!labels) for await (const first of source()) {
    hasLabels = first.label !== undefined;
    break;
  }
  return {
    name: path, size: undefined, hasLabels,
    async *samples() {
      let index = 0;
      for await (const { feed, label: own } of source()) {
        const label = labels ? labels[index] : own;
        if (hasLabels && label === undefined) {
          const reason = labels ? `${labelsPath ?? "the labels"} holds only ${labels.length} labels` : "it has no label, although the first sample has one";
          throw new BadDataError(`${path}: sample ${index}: ${reason}`);
        }
        yield label === undefined ? { feed } : { feed, label };
        index++;
      }
    },
  };
}

async function requireSample(dataset: Dataset): Promise<void> {
  const samples = dataset.samples()[Symbol.asyncIterator]();
  const first = await samples.next();
  await samples.return?.();
  if (first.done === true) throw new BadDataError(`${dataset.name}: holds no samples; at least one is needed`);
}
