/** Opens the dataset at a path, by its format. */
import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { requirePath } from "../arguments.js";
import { BadDataError, EdgecError } from "../errors.js";
import { anyObject, listOf, text, wholeNumber } from "../option-checks.js";
import { type KeysOf, refuseUnknown, requireArgument } from "../option-keys.js";
import { requireRegularFile } from "../regular-file.js";
import type { DataFormat, GivenLabels } from "./data-format.js";
import { DATA_FORMATS, dataFormatsText } from "./data-formats.js";
import type { Dataset, ModelInputs } from "./dataset.js";
import { readLabels } from "./labels.js";
import { take } from "./subset.js";
import { unfeedable } from "./unfeedable.js";

export interface OpenOptions {
  /** A .npy, .json or .txt file with one label per sample; replaces labels in the data. */
  readonly labels?: string;
  /** Most samples, counted from the first. */
  readonly limit?: number;
}

const INPUTS = listOf("the inputs of a model", anyObject);
const OPEN_KEYS = { labels: text, limit: wholeNumber(1) } satisfies KeysOf<OpenOptions>;

/**
 * Opens data for a model in any of `DATA_FORMATS`: .npz, .npy, .jsonl, a folder of test_data_set_N, or an
 * ES module (.mjs, .js).
 * The first sample is read at once, so that data of the wrong name, type or shape fails here; others are
 * checked when they are read. Throws BadDataError, or EdgecError CANNOT_READ, also for what is not a regular
 * file.
 */
export async function openDataset(
  path: string,
  inputs: ModelInputs,
  options: OpenOptions = {},
): Promise<Dataset> {
  refuseUnknown("openDataset", OPEN_KEYS, options);
  requirePath("openDataset", "the data", path);
  requireArgument("openDataset", "the inputs", INPUTS, inputs);
  if (inputs.length === 0)
    throw new BadDataError(`${path}: the model has no inputs, so data cannot be fed to it`);
  const obstacle = unfeedable(inputs);
  if (obstacle !== undefined) {
    throw new BadDataError(
      `${path}: ${obstacle} on data. Leave the data out: passes that need no data still work.`,
    );
  }
  const dataset = await openByForm(path, inputs, await givenLabels(options.labels));
  await requireSample(dataset);
  return options.limit === undefined ? dataset : take(dataset, options.limit);
}

async function givenLabels(path: string | undefined): Promise<GivenLabels | undefined> {
  return path === undefined ? undefined : { path, values: await readLabels(path) };
}

async function openByForm(
  path: string,
  inputs: ModelInputs,
  labels: GivenLabels | undefined,
): Promise<Dataset> {
  const format = (await isFolder(path)) ? await folderFormat(path) : fileFormat(path);
  if (format) return format.open(path, inputs, labels);
  throw new BadDataError(`${path}: unknown data format. Give ${dataFormatsText()}`);
}

function fileFormat(path: string): DataFormat | undefined {
  const ending = extname(path).toLowerCase();
  return DATA_FORMATS.find(({ endings }) => endings.includes(ending));
}

async function folderFormat(path: string): Promise<DataFormat | undefined> {
  for (const format of DATA_FORMATS) if ((await format.acceptsFolder?.(path)) === true) return format;
  return undefined;
}

/** Throws EdgecError CANNOT_READ if nothing exists, or if it is neither a folder nor a regular file. */
async function isFolder(path: string): Promise<boolean> {
  requireRegularFile(path);
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new EdgecError(
      "CANNOT_READ",
      `cannot read ${path}: ${code === "ENOENT" ? "there is no such file or folder" : message}`,
      { cause },
    );
  }
}

async function requireSample(dataset: Dataset): Promise<void> {
  const samples = dataset.samples()[Symbol.asyncIterator]();
  const first = await samples.next();
  await samples.return?.();
  if (first.done === true)
    throw new BadDataError(`${dataset.name}: holds no samples. At least one is needed`);
}
