/** Joins the first samples of a dataset to one batch. */
import { EdgecError } from "../errors.js";
import type { Feed, NumericArray, TensorValue } from "../ir/index.js";
import type { Dataset, Sample } from "./dataset.js";

export interface JoinLimits {
  /** Samples at most. */
  readonly samples: number;
  /** Bytes of all inputs at most; one sample is taken however large it is. */
  readonly bytes: number;
}

/**
 * A dataset of one sample: the first samples joined along axis 0 of every input. Samples that differ from
 * the first in another axis are skipped. Throws EdgecError BAD_DATA if an input is a scalar or holds strings,
 * or if most samples differ, because the rest would say little about the data.
 */
export function joined(dataset: Dataset, limits: JoinLimits): Dataset {
  return {
    name: dataset.name,
    size: 1,
    hasLabels: false,
    async *samples(): AsyncGenerator<Sample> {
      const feeds = await firstAlike(dataset, limits);
      if (feeds.length > 0) yield { feed: joinFeeds(feeds, dataset.name) };
    },
  };
}

async function firstAlike(dataset: Dataset, { samples, bytes }: JoinLimits): Promise<Feed[]> {
  const feeds: Feed[] = [];
  let size = 0;
  let seen = 0;
  for await (const { feed } of dataset.samples()) {
    seen++;
    if (feeds.length === 0 || formOf(feed) === formOf(feeds[0]!)) {
      size += Object.values(feed).reduce((sum, { data }) => sum + (data as NumericArray).byteLength, 0);
      if (feeds.length > 0 && size > bytes) break;
      feeds.push(feed);
    }
    if (seen === samples) break;
  }
  if (2 * feeds.length < seen)
    throw new EdgecError(
      "BAD_DATA",
      `${dataset.name}: only ${feeds.length} of the first ${seen} samples have the shape of ` +
        "the first one, which is too few for a batch",
    );
  return feeds;
}

function formOf(feed: Feed): string {
  return Object.entries(feed)
    .map(([name, { dataType, dims }]) => `${name}: ${dataType} ${dims.length} ${dims.slice(1).join()}`)
    .join("; ");
}

function joinFeeds(feeds: readonly Feed[], where: string): Feed {
  return Object.fromEntries(
    Object.keys(feeds[0]!).map((name) => [
      name,
      joinValues(
        feeds.map((feed) => feed[name]!),
        `${where}: input "${name}"`,
      ),
    ]),
  );
}

function joinValues(values: readonly TensorValue[], where: string): TensorValue {
  const [{ dataType, dims, data }] = values as [TensorValue];
  if (dims.length === 0 || Array.isArray(data))
    throw new EdgecError(
      "BAD_DATA",
      `${where}: ${dims.length === 0 ? "a scalar" : "text"} cannot be joined to a batch`,
    );
  const parts = values.map((value) => value.data as NumericArray);
  const result = new (data.constructor as new (length: number) => NumericArray)(
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    (result as Float32Array).set(part as Float32Array, at);
    at += part.length;
  }
  return {
    dataType,
    dims: [values.reduce((sum, value) => sum + value.dims[0]!, 0), ...dims.slice(1)],
    data: result,
  };
}
