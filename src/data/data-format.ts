/** Defines a data format, and the datasets that formats make. Formats are registered in data-formats.ts. */
import { BadDataError } from "../errors.js";
import type { ArraySamples } from "./array-samples.js";
import type { Dataset, Label, ModelInputs, Sample } from "./dataset.js";

/** Labels from a file of their own, which replace those in the data. */
export interface GivenLabels {
  readonly path: string;
  /** One for each sample, in their order. */
  readonly values: readonly Label[];
}

export interface DataFormat {
  /** As help and messages list it: ".npz", "a folder of test_data_set_N". */
  readonly name: string;
  /** Extensions of file names, in lower case with the dot; empty for a format that is a folder. */
  readonly endings: readonly string[];
  /** One line on what it holds. */
  readonly description: string;
  /** For a format that is a folder: whether this folder is one. */
  acceptsFolder?(path: string): Promise<boolean>;
  /** Throws BadDataError that names the file and the sample, and EdgecError CANNOT_READ. */
  open(path: string, inputs: ModelInputs, labels: GivenLabels | undefined): Promise<Dataset>;
}

/** A dataset of arrays. */
export function arrayDataset(path: string, samples: ArraySamples, labels: GivenLabels | undefined): Dataset {
  const expected = samples.count * samples.batch;
  if (labels && labels.values.length !== expected) {
    throw new BadDataError(
      `${labels.path} holds ${labels.values.length} labels, but ${path} holds ${expected} samples`,
    );
  }
  return {
    name: path,
    size: samples.count,
    hasLabels: labels !== undefined,
    samples: () => samples.samples(labels?.values),
  };
}

/** A dataset of unknown size; labels of a file are matched by position and must not run out. */
export async function streamedDataset(
  path: string,
  source: () => AsyncGenerator<Sample>,
  labels: GivenLabels | undefined,
): Promise<Dataset> {
  let hasLabels = labels !== undefined;
  if (!labels)
    for await (const first of source()) {
      hasLabels = first.label !== undefined;
      break;
    }
  return {
    name: path,
    size: undefined,
    hasLabels,
    async *samples() {
      let index = 0;
      for await (const { feed, label: own } of source()) {
        const label = labels ? labels.values[index] : own;
        if (hasLabels && label === undefined) {
          const reason = labels
            ? `${labels.path} holds only ${labels.values.length} labels`
            : "it has no label, although the first sample has one";
          throw new BadDataError(`${path}: sample ${index}: ${reason}`);
        }
        yield label === undefined ? { feed } : { feed, label };
        index++;
      }
    },
  };
}
