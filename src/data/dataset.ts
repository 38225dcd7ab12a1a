/** The contract of a dataset: a named, re-iterable, streamed source of samples. */
import type { Feed, ValueInfo } from "../ir/index.js";

/** What the right answer is: a class index, or whatever a user's metric module understands. */
export type Label = number | string | readonly number[] | object;

export interface Sample {
  readonly feed: Feed;
  readonly label?: Label;
}

export interface Dataset {
  /** For messages: the path it came from, or "random inputs (seed 0)". */
  readonly name: string;
  /** Number of samples when it is known without reading all of them. */
  readonly size: number | undefined;
  readonly hasLabels: boolean;
  /** Starts from the first sample at every call; holds one sample in memory at a time. */
  samples(): AsyncIterable<Sample>;
}

/** The inputs a model expects: graph inputs that are not also initializers. */
export type ModelInputs = readonly ValueInfo[];
